"""The legend of an SVG picture: what the lines and signs in it mean, and only those."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from labgen.render.graph.ink import TEXT_SIZE, arrow_head, cross, element, line, sign
from labgen.render.graph.palette import CUT, PROVENANCES, STATES, kinds_of, states_of
from labgen.render.graph.text import width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.render.graph.model import Picture

__all__ = ["legend"]

_LINE: Final = 22  # height of a line of the legend
_SAMPLE: Final = 36
_GAP: Final = 20


def legend(picture: Picture, width: int, top: int) -> tuple[str, int]:
    """Return the legend in lines of `width` below `top`, and its height."""
    x, y = 0, top
    parts = []
    for drawn, kind, text, sample in _entries(picture):
        wide = sample + width_of(text, TEXT_SIZE) + _GAP
        if x and x + wide > width:
            x, y = 0, y + _LINE
        words = element("text", {"x": x + sample, "y": y + 15}, escape(text))
        shifted = element("g", {"transform": f"translate({x} {y})"}, drawn)
        parts.append(element("g", {"class": kind}, shifted, words))
        x += wide
    if not parts:
        return "", 0
    return element("g", {"class": "legend"}, *parts), y - top + _LINE


def _entries(picture: Picture) -> Iterator[tuple[str, str, str, int]]:
    """Yield what is drawn, its class, its meaning, and the room that it takes."""
    points = [(0, 11), (_SAMPLE - 8, 11)]
    stroke = element("path", {"class": "line", "d": line(points)})
    head = element("path", {"class": "head", "d": arrow_head(points)})
    foot = element("circle", {"class": "foot", "cx": 0, "cy": 11, "r": 2.5})
    for kind in kinds_of(picture):
        yield stroke + head + foot, f"wire {kind}", f"{kind}: {PROVENANCES[kind].meaning}", _SAMPLE
    if any(arrow.cut for arrow in picture.arrows):
        mark = element("path", {"class": "cross", "d": cross(points)})
        yield stroke + head + foot + mark, "wire cut", f"cut: {CUT.meaning}", _SAMPLE
    for state in states_of(picture):
        yield sign(state, 6, 11), state, f"{state}: {STATES[state].meaning}", 16
