"""What must be true of any layout, checked the simple way: from rectangles and the corners of wires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labgen.render.graph.layout import Layout, Wire
    from labgen.render.graph.model import Picture
    from labgen.render.graph.sheet import Rect

__all__ = ["overlapping_boxes", "overlapping_wires", "wires_through_boxes", "wrong_ends", "wrong_places"]

_APART = 3  # pixels between two wires at least
_TOUCH = 4  # pixels that two wires may lie beside each other where they meet


def _overlap(one: Rect, other: Rect) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def _within(one: Rect, other: Rect) -> bool:
    return other.x <= one.x and one.right <= other.right and other.y <= one.y and one.bottom <= other.bottom


def overlapping_boxes(layout: Layout) -> list[tuple[str, str]]:
    """Return the nodes, servers and places that lie on another of their kind."""
    sheet = layout.sheet
    kinds = [
        list(sheet.boxes.items()),
        [(server.name, rect) for server, rect in sheet.servers],
        [(place.id, rect) for place, rect in sheet.places],
    ]
    return [
        (name, other)
        for kind in kinds
        for (name, rect), (other, beyond) in combinations(kind, 2)
        if _overlap(rect, beyond)
    ]


def wrong_places(picture: Picture, layout: Layout) -> list[str]:
    """Return what is not within what holds it: nodes in servers in places on the sheet."""
    sheet = layout.sheet
    places = {place.id: rect for place, rect in sheet.places}
    found = [
        box.name
        for place in picture.places
        for server in place.servers
        for box in server.boxes
        if not _within(sheet.boxes[box.name], places[place.id])
    ]
    for server, rect in sheet.servers:
        found += [box.name for box in server.boxes if not _within(sheet.boxes[box.name], rect)]
    found += [
        name
        for name, rect in places.items()
        if not (rect.x >= 0 <= rect.y and rect.right <= sheet.width and rect.bottom <= sheet.height)
    ]
    return found


def _pieces(wire: Wire) -> Iterator[tuple[int, int, int, int]]:
    for (x, y), (to_x, to_y) in pairwise(wire.points):
        assert (x == to_x) != (y == to_y), "a piece is level or upright"
        yield min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)


def wires_through_boxes(layout: Layout) -> list[tuple[str, str, str]]:
    """Return (source, destination, node) where a wire is inside a node, or leaves the sheet."""
    sheet = layout.sheet
    found = []
    for wire in layout.wires:
        for left, top, right, bottom in _pieces(wire):
            if left < 0 or top < 0 or right > sheet.width or bottom > sheet.height:
                found.append((wire.source, wire.destination, "sheet"))
            found += [
                (wire.source, wire.destination, name)
                for name, rect in sheet.boxes.items()
                if left < rect.right and right > rect.x and top < rect.bottom and bottom > rect.y
            ]
    return found


def wrong_ends(picture: Picture, layout: Layout) -> list[tuple[str, str]]:
    """Return the wires that do not begin at their source's head, or do not end at their port's line."""
    sheet = layout.sheet
    boxes = {box.name: box for box in picture.boxes}
    found = []
    for wire in layout.wires:
        source, destination = sheet.boxes[wire.source], sheet.boxes[wire.destination]
        (x, y), (end, level) = wire.points[0], wire.points[-1]
        begins = x in {source.x, source.right} and source.y < y < source.y + sheet.heads[wire.source]
        (port,) = [one for one in boxes[wire.destination].ports if one.key == wire.net.port]
        line = sheet.port(boxes[wire.destination], port)
        if not (begins and end in {destination.x, destination.right} and abs(level - line) < 9):
            found.append((wire.source, wire.destination))
    return found


def overlapping_wires(layout: Layout) -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Return the pieces of wires of different nets that look like one."""
    lines: dict[bool, set[tuple[int, int, int, int]]] = defaultdict(set)
    for wire in layout.wires:
        for left, top, right, bottom in _pieces(wire):
            net = id(wire.net)
            upright = left == right
            lines[upright].add((left, top, bottom, net) if upright else (top, left, right, net))
    found = []
    for pieces in lines.values():
        ordered = sorted(pieces)
        for index, (at, low, high, net) in enumerate(ordered):
            for beside, start, end, other in ordered[index + 1 :]:
                if beside - at >= _APART:
                    break
                if net != other and min(high, end) - max(low, start) > _TOUCH:
                    found.append(((at, low, high), (beside, start, end)))
    return found
