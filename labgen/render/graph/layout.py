"""The layout of a picture: where each rectangle is, and where each wire runs. Same picture, same layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.errors import InvalidInput
from labgen.render.graph.arrange import arrange
from labgen.render.graph.nets import nets_of
from labgen.render.graph.place import place
from labgen.render.graph.route import route
from labgen.render.graph.runs import runs_of
from labgen.render.graph.settle import settle
from labgen.render.graph.sheet import Room
from labgen.render.graph.straighten import finish
from labgen.render.graph.ways import ways_of
from labgen.render.graph.wiring import Wiring

if TYPE_CHECKING:
    from labgen.catalogue.model import Connection
    from labgen.render.graph.arrange import Band
    from labgen.render.graph.model import Picture
    from labgen.render.graph.nets import Net
    from labgen.render.graph.route import Tree
    from labgen.render.graph.sheet import Sheet

__all__ = ["MOST", "Layout", "Wire", "lay_out"]

MOST: Final = 1000
_CHOICES: Final = 2


@dataclass(frozen=True, slots=True)
class Wire:
    """One documented connection between two nodes, and the corners of its wire."""

    net: Net
    source: str
    destination: str
    row: Connection
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A sheet with its wires; those of one net follow each other."""

    sheet: Sheet
    wires: tuple[Wire, ...]


def lay_out(picture: Picture) -> Layout:
    """Return the layout of `picture`.

    How much room the wires take is known only once they are laid, and where they are laid depends on the
    room. So their ways are chosen first on a sheet without room, then on one with the room that these
    take; that choice stays, and the sheet grows until all of it fits, which it does at some time, since
    no stretch ever needs more than one track for each net. Raises InvalidInput for more nodes than that
    is worth the time for.
    """
    if len(picture.boxes) > MOST:
        raise InvalidInput(
            f"lab '{picture.lab}' has {len(picture.boxes)} nodes; labgen lays out at most {MOST}",
            "Take --format dot or --format mermaid, or draw a smaller lab.",
        )
    bands, nets, room = arrange(picture), nets_of(picture), Room()
    for _ in range(_CHOICES):
        sheet = place(bands, room)
        trees = route(ways_of(bands, sheet), nets)
        room = settle(_wiring(bands, sheet, trees))
    while True:
        sheet = place(bands, room)
        wiring = _wiring(bands, sheet, trees)
        if not room.grow(settle(wiring)):
            break
    finish(wiring)
    wires = [
        Wire(net, source, destination, row, tuple(wiring.points(index, source, destination)))
        for index, net in enumerate(nets)
        for source, row in net.wires
        for destination in net.destinations
    ]
    return Layout(sheet, tuple(wires))


def _wiring(bands: tuple[Band, ...], sheet: Sheet, trees: list[Tree]) -> Wiring:
    return Wiring(sheet, ways_of(bands, sheet), trees, runs_of(trees))
