"""Places everything on the sheet, once it is known how many wires run where."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from labgen.render.graph.measure import (
    BETWEEN,
    FRAME_TITLE,
    INSET,
    box_height,
    column_width,
    head_height,
    is_framed,
    server_height,
)
from labgen.render.graph.sheet import TRACK, Corridor, Rect, Sheet

if TYPE_CHECKING:
    from labgen.render.graph.arrange import Band
    from labgen.render.graph.model import Server
    from labgen.render.graph.sheet import Room

__all__ = ["place"]

_TITLE: Final = 40  # a site's title
_MARGIN: Final = 14  # from a server to the next wire, or to the frame of its site
_GAP: Final = 18  # between two sites
_SLACK: Final = 0.2  # a band that is so much narrower than the widest is stretched to its width


@dataclass(frozen=True, slots=True)
class _Band:
    """The widths in one band: `parts` of each gutter, `columns` between them."""

    blocks: Band
    parts: list[list[int]]
    columns: list[int]

    @property
    def width(self) -> int:
        return sum(map(sum, self.parts)) + sum(self.columns)


def place(bands: tuple[Band, ...], room: Room) -> Sheet:
    """Return a sheet with `room` for its wires."""
    sheet = Sheet()
    measured = [_measured(index, band, room) for index, band in enumerate(bands)]
    sheet.width = max(one.width for one in measured)
    for index, one in enumerate(measured):
        _stretch(one, sheet.width)
        _channel(sheet, index, room)
        sheet.height += _place_band(sheet, index, one, room)
    _channel(sheet, len(bands), room)
    return sheet


def _channel(sheet: Sheet, number: int, room: Room) -> None:
    corridor = Corridor("channel", (number,))
    height = max(_GAP, (_tracks(room, corridor) + 1) * TRACK)
    sheet.stretches[corridor, 1] = (sheet.height, sheet.height + height)
    sheet.height += height


def _tracks(room: Room, corridor: Corridor, part: int = 1) -> int:
    return room.tracks.get((corridor, part), 0)


def _measured(index: int, band: Band, room: Room) -> _Band:
    columns = [column_width(block, number) for block in band for number in range(len(block.columns))]
    firsts = set(accumulate(len(block.columns) for block in band))  # the columns that begin another site
    parts = []
    for number in range(len(columns) + 1):
        corridor = Corridor("gutter", (index, number))
        left, middle, right = (_tracks(room, corridor, part) for part in range(3))
        if number == 0:
            parts.append([0, _edge(middle), _inner(right)])
        elif number == len(columns):
            parts.append([_inner(left), _edge(middle), 0])
        elif number in firsts:
            parts.append([_inner(left), max(_GAP, (middle + 1) * TRACK), _inner(right)])
        else:
            parts.append([0, 2 * _MARGIN + max(0, middle - 1) * TRACK, 0])
    return _Band(band, parts, columns)


def _inner(tracks: int) -> int:
    return _MARGIN + tracks * TRACK


def _edge(tracks: int) -> int:
    return (tracks + 1) * TRACK if tracks else 1


def _stretch(band: _Band, width: int) -> None:
    """Share what a band lacks among its inner gutters, unless that would tear it apart."""
    lacking = width - band.width
    inner = len(band.parts) - 2
    if inner > 0 and lacking <= width * _SLACK:
        for number in range(inner):
            band.parts[number + 1][1] += lacking // inner + (number < lacking % inner)


def _place_band(sheet: Sheet, index: int, band: _Band, room: Room) -> int:
    """Place one band below what is there; return its height."""
    stacks = [
        (block, column, [server_height(server, room) for server in column])
        for block in band.blocks
        for column in block.columns
    ]
    least = [
        sum(heights) + sum(_passage(room, index, number, gap) for gap in range(len(heights) + 1))
        for number, (_, _, heights) in enumerate(stacks)
    ]
    height = max(least)
    top = sheet.height + _TITLE
    x = 0
    left = 0
    for number, (block, column, heights) in enumerate(stacks):
        x = _gutter(sheet, index, number, band.parts[number], x)
        width = band.columns[number]
        if column is block.columns[0]:
            left = x - band.parts[number][2]
        sheet.columns[index, number] = (x, x + width)
        # The middle of the band looks better than its top, and is nearer to what is connected.
        spare = (height - least[number]) // 2
        y = top
        for gap, server in enumerate((*column, None)):
            tall = _passage(room, index, number, gap)
            tall += spare if gap == 0 else 0
            bottom = y + tall if server else top + height
            sheet.stretches[Corridor("passage", (index, number, gap)), 1] = (y, bottom)
            y = bottom
            if server:
                _place_server(sheet, server, Rect(x, y, width, heights[gap]), room)
                y += heights[gap]
        x += width
        if column is block.columns[-1]:
            right = x + band.parts[number + 1][0]
            sheet.places.append((block.place, Rect(left, sheet.height, right - left, _TITLE + height)))
    _gutter(sheet, index, len(stacks), band.parts[-1], x)
    return _TITLE + height


def _gutter(sheet: Sheet, index: int, number: int, parts: list[int], x: int) -> int:
    """Note the parts of a gutter that begins at `x`; return where it ends."""
    edges = [x, x + parts[0], x + parts[0] + parts[1], x + sum(parts)]
    corridor = Corridor("gutter", (index, number))
    for part, stretch in enumerate(pairwise(edges)):
        # Within a site there is only one part.
        if parts[part] or part == 1:
            sheet.stretches[corridor, part] = stretch
    return edges[3]


def _passage(room: Room, band: int, column: int, gap: int) -> int:
    return max(_MARGIN, (_tracks(room, Corridor("passage", (band, column, gap))) + 1) * TRACK)


def _place_server(sheet: Sheet, server: Server, rect: Rect, room: Room) -> None:
    framed = is_framed(server)
    inset = INSET if framed else 0
    if framed:
        sheet.servers.append((server, rect))
    y = rect.y + (FRAME_TITLE if framed else 0)
    for box in server.boxes:
        sheet.heads[box.name] = head_height(box, room)
        sheet.boxes[box.name] = Rect(rect.x + inset, y, rect.w - 2 * inset, box_height(box, room))
        y += box_height(box, room) + BETWEEN
