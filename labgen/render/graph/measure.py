"""How large nodes and servers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labgen.render.graph.ink import NAME_SIZE, TEXT_SIZE
from labgen.render.graph.sheet import ROW
from labgen.render.graph.text import width_of

if TYPE_CHECKING:
    from labgen.render.graph.arrange import Block
    from labgen.render.graph.model import Box, Port, Server
    from labgen.render.graph.sheet import Room

__all__ = [
    "BETWEEN",
    "FRAME_TITLE",
    "INSET",
    "PAD",
    "box_height",
    "column_width",
    "head_height",
    "host_text",
    "is_framed",
    "server_height",
]

INSET: Final = 9  # from a server's frame to its nodes
FRAME_TITLE: Final = 19
BETWEEN: Final = 10  # nodes of one server
PAD: Final = 10  # from a node's edge to its text
_NARROWEST: Final = 60  # a node's text
_APART: Final = 12  # between a protocol and its number
_HEAD: Final = 27  # a node's name
_HEAD_LIVE: Final = 43  # and its state below
_SLOT: Final = 8  # from one wire that leaves a node to the next
_FOOT: Final = 5


def is_framed(server: Server) -> bool:
    """Whether a server has a frame of its own: one with a single node does not."""
    return len(server.boxes) > 1


def server_height(server: Server, room: Room) -> int:
    """Return the height of a server with all its nodes."""
    boxes = sum(box_height(box, room) for box in server.boxes) + BETWEEN * (len(server.boxes) - 1)
    return boxes + FRAME_TITLE + INSET if is_framed(server) else boxes


def head_height(box: Box, room: Room) -> int:
    """Return the height of a node above its ports, where its wires leave."""
    slots = max(room.slots.get((box.name, side), 0) for side in (0, 1))
    return max(_HEAD if box.state is None else _HEAD_LIVE, (slots + 1) * _SLOT)


def box_height(box: Box, room: Room) -> int:
    """Return the height of a node."""
    return head_height(box, room) + len(box.ports) * ROW + (_FOOT if box.ports else 0)


def column_width(block: Block, number: int) -> int:
    """Return the width that all servers of a column have."""
    widths = [
        max(map(_box_width, server.boxes)) + (2 * INSET if is_framed(server) else 0)
        for server in block.columns[number]
    ]
    if number == 0:  # a wire in the next gutter would cross a longer title
        place = block.place
        widths.append(max(width_of(place.name, NAME_SIZE, bold=True), width_of(place.kind, TEXT_SIZE)))
    return max(widths)


def _box_width(box: Box) -> int:
    name = width_of(box.name, NAME_SIZE, bold=True) + (0 if box.state is None else 18)
    lines = [
        width_of(port.protocol, TEXT_SIZE) + width_of(host_text(port) + port.number, TEXT_SIZE) + _APART
        for port in box.ports
    ]
    return max(name, *lines, _NARROWEST) + 2 * PAD


def host_text(port: Port) -> str:
    """Return what stands before a port's number: where the lab publishes it."""
    return f"{port.host} \N{RIGHTWARDS ARROW} " if port.host else ""
