"""A lab as an SVG picture: no script, nothing from elsewhere, readable on light and on dark paper."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from labgen.render.graph.ink import TEXT_SIZE, arrow_head, cross, element, line, sign, style
from labgen.render.graph.layout import lay_out
from labgen.render.graph.legend import legend
from labgen.render.graph.measure import PAD, host_text
from labgen.render.graph.palette import state_kind
from labgen.render.graph.text import width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labgen.render.graph.layout import Layout, Wire
    from labgen.render.graph.model import Box, Picture, Place, Port, Server
    from labgen.render.graph.sheet import Rect, Sheet

__all__ = ["svg"]

_MARGIN: Final = 20
_HEADER: Final = 24
_BELOW: Final = 8  # from the sheet to the legend
_NARROWEST: Final = 480  # a legend needs some width, however small the lab is
_LAB_SIZE: Final = 17


def svg(picture: Picture, *, interactive: bool = False) -> str:
    """Return `picture` as an SVG document.

    `interactive` leaves out the heading, which a page around it has, and lets the keyboard reach the nodes.
    """
    layout = lay_out(picture)
    top = 0 if interactive else _HEADER
    title, caption = f"lab {picture.lab}", picture.caption
    head = width_of(title, _LAB_SIZE, bold=True) + 14
    wide = max(layout.sheet.width, _NARROWEST, head + width_of(caption, TEXT_SIZE))
    under = top + layout.sheet.height + _BELOW
    key, key_height = legend(picture, wide, under)
    width, height = wide + 2 * _MARGIN, under + key_height + 2 * _MARGIN
    root = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"{-_MARGIN} {-_MARGIN} {width} {height}",
        "width": width,
        "height": height,
        "role": "group" if interactive else "img",
        "aria-labelledby": "lab-title lab-description",
    }
    paper = {"class": "paper", "x": -_MARGIN, "y": -_MARGIN, "width": width, "height": height}
    parts = [
        element("title", {"id": "lab-title"}, escape(title)),
        element("desc", {"id": "lab-description"}, escape(f"{caption}. {_description(picture)}")),
        element("style", {}, f"\n{style()}"),
        element("rect", paper),
        "" if interactive else element("text", {"class": "lab", "x": 0, "y": 10}, escape(title)),
        "" if interactive else element("text", {"class": "dim", "x": head, "y": 10}, escape(caption)),
        element("g", {"transform": f"translate(0 {top})"}, "\n", *_sheet(picture, layout, interactive)),
        key,
    ]
    return element("svg", root, "\n", *(f"{part}\n" for part in parts if part)) + "\n"


def _description(picture: Picture) -> str:
    return " ".join(
        f"{place.title}: {', '.join(box.name for server in place.servers for box in server.boxes)}."
        for place in picture.places
    )


def _sheet(picture: Picture, layout: Layout, interactive: bool) -> Iterator[str]:
    sheet = layout.sheet
    for place, rect in sheet.places:
        yield _place(place, rect) + "\n"
    for server, rect in sheet.servers:
        yield _server(server, rect) + "\n"
    for _, wires in groupby(layout.wires, key=lambda wire: id(wire.net)):
        yield from _net(list(wires))
    sites = {
        box.name: place.site for place in picture.places for server in place.servers for box in server.boxes
    }
    for box in picture.boxes:
        yield _node(box, sites[box.name], sheet, interactive) + "\n"


def _place(place: Place, rect: Rect) -> str:
    x = rect.x + 14
    return element(
        "g",
        {"class": "place outside" if place.outside else "place", "data-place": place.id},
        element("rect", {"x": rect.x, "y": rect.y, "width": rect.w, "height": rect.h, "rx": 10}),
        element("text", {"class": "place-name", "x": x, "y": rect.y + 19}, escape(place.name)),
        *(
            [element("text", {"class": "dim", "x": x, "y": rect.y + 33}, escape(place.kind))]
            if place.kind
            else []
        ),
    )


def _server(server: Server, rect: Rect) -> str:
    return element(
        "g",
        {"class": "server"},
        element("rect", {"x": rect.x, "y": rect.y, "width": rect.w, "height": rect.h, "rx": 7}),
        element(
            "text",
            {"class": "server-name dim", "x": rect.x + 9, "y": rect.y + 13},
            escape(f"server {server.name}"),
        ),
    )


def _net(wires: list[Wire]) -> Iterator[str]:
    """Draw the wires of a net, first a gap in what they cross."""
    net = wires[0].net
    lines = [line(wire.points) for wire in wires]
    yield element("path", {"class": "halo", "d": "".join(dict.fromkeys(lines))}) + "\n"
    for wire, drawn in zip(wires, lines, strict=True):
        x, y = wire.points[0]
        row = wire.row
        words = (
            f"{row.id}: {wire.source} \N{RIGHTWARDS ARROW} {wire.destination}, {row.protocol} {row.ports}, "
            f"{row.purpose} ({row.provenance}: {row.reference})"
        )
        facts = {
            "class": f"wire {net.provenance}{' cut' if net.cut else ''}",
            "data-row": row.id,
            "data-from": wire.source,
            "data-to": wire.destination,
        }
        yield (
            element(
                "g",
                facts,
                element("title", {}, escape(f"{words}, cut" if net.cut else words)),
                element("path", {"class": "line", "d": drawn}),
                element("path", {"class": "head", "d": arrow_head(wire.points)}),
                element("circle", {"class": "foot", "cx": x, "cy": y, "r": 2.5}),
                *([element("path", {"class": "cross", "d": cross(wire.points)})] if net.cut else []),
            )
            + "\n"
        )


def _node(box: Box, site: str, sheet: Sheet, interactive: bool) -> str:
    rect = sheet.boxes[box.name]
    kinds = ["node", *(["outside"] if box.actor else [])]
    if box.state is not None:
        kinds += ["live", state_kind(box.state)]
    facts: dict[str, object] = {"class": " ".join(kinds), "data-node": box.name, "data-site": site}
    says = f"{box.name}: server {box.server}{f', {box.state}' if box.state else ''}"
    if interactive:
        facts |= {"tabindex": 0, "role": "button", "aria-label": says}
    return element("g", facts, *_inside(box, rect, says, sheet))


def _inside(box: Box, rect: Rect, says: str, sheet: Sheet) -> Iterable[str]:
    x = rect.x + PAD
    yield element("title", {}, escape(says))
    yield element(
        "rect", {"class": "box", "x": rect.x, "y": rect.y, "width": rect.w, "height": rect.h, "rx": 6}
    )
    yield element("text", {"class": "name", "x": x, "y": rect.y + 19}, escape(box.name))
    if box.state is not None:
        yield sign(state_kind(box.state), x + 4, rect.y + 31)
        yield element("text", {"class": "dim", "x": x + 13, "y": rect.y + 35}, escape(box.state))
    for port in box.ports:
        yield _port(port, x, rect.right - PAD, sheet.port(box, port) + 4)


def _port(port: Port, left: int, right: int, y: int) -> str:
    host = host_text(port)
    number = [element("tspan", {"class": "dim"}, escape(host))] if host else []
    return element("text", {"class": "dim", "x": left, "y": y}, escape(port.protocol)) + element(
        "text", {"class": "number", "x": right, "y": y}, *number, escape(port.number)
    )
