"""The pieces that an SVG picture is drawn with: elements, lines with round corners, and the style."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labgen.render.graph.palette import CUT, PROVENANCES, STATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labgen.render.graph.palette import Ink

__all__ = ["NAME_SIZE", "TEXT_SIZE", "arrow_head", "cross", "element", "line", "sign", "style"]

NAME_SIZE: Final = 13
TEXT_SIZE: Final = 11.5
Point = tuple[int, int]
_RADIUS: Final = 6  # of a corner
_HEAD: Final = 8  # length of an arrow's head, and how far a line stops before its end
_CROSS: Final = 5

# Plain properties, no variables: not every program that shows a picture knows these.
_STYLE: Final = """\
text { font-family: "Segoe UI", "Noto Sans", Helvetica, Arial, "DejaVu Sans", sans-serif; font-size: 11.5px }
.lab { font-size: 17px; font-weight: 600 }
.name, .place-name { font-size: 13px; font-weight: 600 }
.server-name { font-size: 10.5px }
.number { text-anchor: end; font-variant-numeric: tabular-nums }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round }
.halo { fill: none; stroke-width: 4.5 }
.cross { fill: none; stroke-width: 2.2; stroke-linecap: round }
.box { stroke-width: 1.1 }
.outside .box, .place.outside rect { stroke-dasharray: 5 4 }
.live .box { stroke-width: 1.8 }
.missing .box { stroke-dasharray: 2 4 }
.missing .name, .stopped .name { opacity: 0.65 }
.sign { stroke-width: 1.6 }
"""
_LIGHT: Final = {
    "paper": "#ffffff",
    "text": "#1f2328",
    "dim": "#59636e",
    "box": "#ffffff",
    "edge": "#7d8590",
    "server": "#f2f5f8",
    "server-edge": "#d0d7de",
    "place": "#aab3bd",
}
_DARK: Final = {
    "paper": "#0d1117",
    "text": "#e6edf3",
    "dim": "#9da7b3",
    "box": "#161b22",
    "edge": "#7d8590",
    "server": "#1b222c",
    "server-edge": "#343b44",
    "place": "#4a525c",
}


def element(name: str, attributes: Mapping[str, object], *children: str) -> str:
    """Return an element. `children` are elements, or text that is escaped already."""
    words = "".join(f' {key}="{escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{words}>{''.join(children)}</{name}>" if children else f"<{name}{words}/>"


def style() -> str:
    """Return the style sheet of every picture."""
    return "\n".join(
        [
            _STYLE + _colours(_LIGHT, dark=False),
            f"@media (prefers-color-scheme: dark) {{\n{_colours(_DARK, dark=True)}}}",
        ]
    )


def _colours(paper: Mapping[str, str], *, dark: bool) -> str:
    def shade(ink: Ink) -> str:
        return ink.dark if dark else ink.light

    lines = [
        f".paper {{ fill: {paper['paper']} }}",
        f".halo {{ stroke: {paper['paper']} }}",
        f"text {{ fill: {paper['text']} }}",
        f".dim {{ fill: {paper['dim']} }}",
        f".box {{ fill: {paper['box']}; stroke: {paper['edge']} }}",
        f".server rect {{ fill: {paper['server']}; stroke: {paper['server-edge']} }}",
        f".place rect {{ fill: none; stroke: {paper['place']} }}",
    ]
    for name, ink in [*((str(kind), one) for kind, one in PROVENANCES.items()), ("cut", CUT)]:
        dash = f"; stroke-dasharray: {ink.dash}" if ink.dash and not dark else ""
        lines.append(f".{name} .line {{ stroke: {shade(ink)}{dash} }}")
        lines.append(f".{name} .head, .{name} .foot {{ fill: {shade(ink)} }}")
    lines.append(f".cross {{ stroke: {shade(CUT)} }}")
    for name, ink in STATES.items():
        lines.append(f".{name} .box, .{name} .sign {{ stroke: {shade(ink)} }}")
        lines.append(f".{name} .full {{ fill: {shade(ink)} }}")
    return "".join(f"{one}\n" for one in lines)


def line(points: Sequence[Point]) -> str:
    """Return the path of a wire, from its port to its source.

    Backwards, so that the dashes of wires that run as one lie on each other.
    """
    corners = list(reversed([*points[:-1], _before_end(points)]))
    return "".join(_bends(corners))


def _before_end(points: Sequence[Point]) -> Point:
    """Where the line ends: inside the arrow's head."""
    (x, _), (end, y) = points[-2:]
    return (end - 3 if x < end else end + 3, y)


def _bends(corners: Sequence[Point]) -> Iterator[str]:
    first, *_, last = corners
    yield f"M{first[0]} {first[1]}"
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        radius = min(_RADIUS, _length(before, corner) / 2, _length(corner, after) / 2)
        into, out = _towards(corner, before, radius), _towards(corner, after, radius)
        yield f"L{into}Q{corner[0]} {corner[1]} {out}"
    yield f"L{last[0]} {last[1]}"


def _length(one: Point, other: Point) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(one: Point, other: Point, way: float) -> str:
    part = way / _length(one, other)
    return " ".join(f"{a + (b - a) * part:g}" for a, b in zip(one, other, strict=True))


def arrow_head(points: Sequence[Point]) -> str:
    """Return the path of the head at the end of a wire, which is always level."""
    (x, _), (end, y) = points[-2:]
    back = -_HEAD if x < end else _HEAD
    return f"M{end} {y}l{back} -4v8z"


def cross(points: Sequence[Point]) -> str:
    """Return the path of a cross in the middle of the longest part of a wire."""
    (x, y), (to_x, to_y) = max(pairwise(points), key=lambda part: _length(*part))
    left, top = (x + to_x) // 2 - _CROSS, (y + to_y) // 2 - _CROSS
    width = 2 * _CROSS
    return f"M{left} {top}l{width} {width}m0 {-width}l{-width} {width}"


def sign(state: str, x: int, y: int) -> str:
    """Return the sign of a kind of state around a point: each has its own shape, not only its colour."""
    circle = {"cx": x, "cy": y, "r": 4}
    if state == "healthy":
        return element("circle", {"class": "sign full", **circle})
    if state == "starting":
        half = element("path", {"class": "full", "d": f"M{x} {y - 4}a4 4 0 0 1 0 8z"})
        return element("circle", {"class": "sign", "fill": "none", **circle}) + half
    if state == "unhealthy":
        return element("path", {"class": "sign full", "d": f"M{x} {y - 4}l4.5 8h-9z"})
    if state == "stopped":
        return element("rect", {"class": "sign full", "x": x - 3, "y": y - 3, "width": 6, "height": 6})
    return element("path", {"class": "sign", "fill": "none", "d": f"M{x - 4} {y - 4}l8 8m0 -8l-8 8"})
