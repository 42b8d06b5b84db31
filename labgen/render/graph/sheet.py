"""The sheet that a lab is drawn on: its rectangles, and the stretches between them that wires may use.

All lengths are pixels. The sheet is a stack of bands, with a channel above, between and below them. A
band is a row of columns, with a gutter before, between and behind them; a column is a stack of servers,
with a passage above, between and below them. Wires run in channels, gutters and passages only, so they
never cross a server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from labgen.render.graph.model import Box, Place, Port, Server

__all__ = ["ROW", "TRACK", "Corridor", "Rect", "Room", "Sheet", "Stretch"]

TRACK: Final = 9  # from one wire to the next
ROW: Final = 17  # a line with a port
Stretch = tuple[int, int]  # from, to


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its upper left corner."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        """Where it ends."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """Where it ends."""
        return self.y + self.h


@dataclass(frozen=True, slots=True)
class Corridor:
    """A stretch that wires run in.

    Its place is (band, number) for a gutter, (band, column, number) for a passage, (number,) for a channel.
    A gutter between two sites has three parts: inside the one to its left (0), between them (1), inside the
    one to its right (2). Everything else is all part 1.
    """

    kind: Literal["gutter", "passage", "channel"]
    place: tuple[int, ...]


@dataclass(slots=True)
class Room:
    """How many wires run beside each other in each part of a corridor, and leave a node at each side.

    Side 0 is the left one.
    """

    tracks: dict[tuple[Corridor, int], int] = field(default_factory=dict)
    slots: dict[tuple[str, int], int] = field(default_factory=dict)

    def grow(self, other: Room) -> bool:
        """Make room for what `other` needs too; False if there was room enough."""
        tracks = {key: count for key, count in other.tracks.items() if count > self.tracks.get(key, 0)}
        slots = {key: count for key, count in other.slots.items() if count > self.slots.get(key, 0)}
        self.tracks |= tracks
        self.slots |= slots
        return bool(tracks or slots)


@dataclass(slots=True)
class Sheet:
    """Where everything is. Columns are (band, number); `heads` are the heights of boxes above their ports."""

    width: int = 0
    height: int = 0
    boxes: dict[str, Rect] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)
    servers: list[tuple[Server, Rect]] = field(default_factory=list)
    places: list[tuple[Place, Rect]] = field(default_factory=list)
    columns: dict[tuple[int, int], Stretch] = field(default_factory=dict)
    stretches: dict[tuple[Corridor, int], Stretch] = field(default_factory=dict)

    def port(self, box: Box, port: Port) -> int:
        """Return the height of the line with `port`."""
        return self.boxes[box.name].y + self.heads[box.name] + box.ports.index(port) * ROW + ROW // 2
