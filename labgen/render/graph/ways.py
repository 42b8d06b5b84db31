"""The stretches of a sheet as a graph: where a wire may turn from one into another."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labgen.render.graph.sheet import Corridor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.render.graph.arrange import Band
    from labgen.render.graph.model import Box
    from labgen.render.graph.sheet import Sheet

__all__ = ["BEND", "Stop", "Ways", "ways_of"]

BEND: Final = 25  # pixels of way that a bend is worth


@dataclass(frozen=True, slots=True)
class Stop:
    """A place in a gutter where wires turn off, at about `at` from the top of the sheet.

    `side` is where they go: -1 to the left, 1 to the right; up and down for an end at a channel.
    """

    gutter: Corridor
    at: int
    side: int
    end: bool = False


@dataclass(slots=True)
class Ways:
    """`steps` has for each stop what can be reached from it: (stop, cost, corridor).

    `ports` and `nodes` are the stops beside them on the left (0) and on the right (1).
    """

    stops: list[Stop] = field(default_factory=list)
    steps: list[list[tuple[int, int, Corridor]]] = field(default_factory=list)
    ports: dict[tuple[str, tuple[str, str]], tuple[int, int]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, gutter: tuple[int, int], at: int, side: int, *, end: bool = False) -> int:
        """Add a stop; return its number."""
        self.stops.append(Stop(Corridor("gutter", gutter), at, side, end))
        self.steps.append([])
        return len(self.stops) - 1

    def join(self, one: int, other: int, cost: int, corridor: Corridor) -> None:
        """Let wires run between two stops, either way."""
        self.steps[one].append((other, cost, corridor))
        self.steps[other].append((one, cost, corridor))


def ways_of(bands: tuple[Band, ...], sheet: Sheet) -> Ways:
    """Return all ways on `sheet`. The stops have the same numbers on every sheet of the same bands."""
    ways = Ways()
    for index, band in enumerate(bands):
        number = 0
        for block in band:
            for column in block.columns:
                _add_passages(ways, sheet, (index, number), len(column))
                for server in column:
                    for box in server.boxes:
                        _add_box(ways, sheet, (index, number), box)
                number += 1
    gutters = [corridor for corridor, part in sheet.stretches if corridor.kind == "gutter" and part == 1]
    ends = [_add_ends(ways, sheet, channel, gutters) for channel in range(len(bands) + 1)]
    _join_gutters(ways)
    for channel, found in enumerate(ends):
        for (x, one), (beyond, other) in pairwise(sorted(found)):
            ways.join(one, other, beyond - x, Corridor("channel", (channel,)))
    return ways


def _add_passages(ways: Ways, sheet: Sheet, column: tuple[int, int], servers: int) -> None:
    band, number = column
    left, right = sheet.columns[column]
    for gap in range(servers + 1):
        corridor = Corridor("passage", (band, number, gap))
        middle = sum(sheet.stretches[corridor, 1]) // 2
        one = ways.add((band, number), middle, 1)
        other = ways.add((band, number + 1), middle, -1)
        ways.join(one, other, right - left + 2 * BEND, corridor)


def _add_box(ways: Ways, sheet: Sheet, column: tuple[int, int], box: Box) -> None:
    band, number = column
    head = sheet.boxes[box.name].y + sheet.heads[box.name] // 2

    def both(at: int) -> tuple[int, int]:
        return ways.add((band, number), at, 1), ways.add((band, number + 1), at, -1)

    ways.nodes[box.name] = both(head)
    for port in box.ports:
        ways.ports[box.name, port.key] = both(sheet.port(box, port))


def _add_ends(ways: Ways, sheet: Sheet, channel: int, gutters: Iterable[Corridor]) -> list[tuple[int, int]]:
    """Add the ends at a channel of the gutters above and below it; return where they are, and which."""
    top, bottom = sheet.stretches[Corridor("channel", (channel,)), 1]
    found = []
    for gutter in gutters:
        band, number = gutter.place
        if band in {channel - 1, channel}:
            at, side = (bottom, 1) if band == channel else (top, -1)
            stop = ways.add((band, number), at, side, end=True)
            found.append((sum(sheet.stretches[gutter, 1]) // 2, stop))
    return found


def _join_gutters(ways: Ways) -> None:
    gutters: dict[Corridor, list[int]] = {}
    for number, stop in enumerate(ways.stops):
        gutters.setdefault(stop.gutter, []).append(number)
    for gutter, mine in gutters.items():
        mine.sort(key=lambda number: (ways.stops[number].at, number))
        for one, other in pairwise(mine):
            turn = BEND if ways.stops[one].end or ways.stops[other].end else 0
            ways.join(one, other, ways.stops[other].at - ways.stops[one].at + turn, gutter)
