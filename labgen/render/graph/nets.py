"""What is wired together: a net leads from each of its sources to each of its destinations, and says so once.

The documents connect roles, so all nodes of a role at a site have the same wires to the same nodes: one
net shows what would else be a wire for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen.render.graph.model import port_text

if TYPE_CHECKING:
    from labgen.catalogue.model import Connection, Provenance
    from labgen.render.graph.model import Picture

_Kind = tuple[tuple[str, str], "Provenance", bool]
__all__ = ["Net", "nets_of"]


@dataclass(frozen=True, slots=True)
class Net:
    """Connections of one provenance to one port. `wires` has each source with its row.

    Each of `wires` leads to each of `destinations`. Cut wires have nets of their own. `local` says that
    all of it is at one place.
    """

    destinations: tuple[str, ...]
    port: tuple[str, str]
    provenance: Provenance
    cut: bool
    local: bool
    wires: tuple[tuple[str, Connection], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The nodes that the wires come from, each once."""
        return tuple(dict.fromkeys(source for source, _ in self.wires))


def nets_of(picture: Picture) -> tuple[Net, ...]:
    """Return the nets of `picture`, in the order of its arrows. Each connection is in exactly one of them."""
    roles = {box.name: box.role for box in picture.boxes}
    places = {
        box.name: place.id for place in picture.places for server in place.servers for box in server.boxes
    }
    ends: dict[tuple[str, _Kind], list[tuple[str, Connection]]] = {}
    for arrow in picture.arrows:
        for row in arrow.rows:
            kind = ((row.protocol, port_text(row)), arrow.provenance, arrow.cut)
            ends.setdefault((arrow.destination, kind), []).append((arrow.source, row))
    alike: dict[tuple[str, _Kind, tuple[tuple[str, str], ...]], list[str]] = {}
    for (destination, kind), wires in ends.items():
        key = (roles[destination], kind, tuple((source, row.id) for source, row in wires))
        alike.setdefault(key, []).append(destination)
    return tuple(
        Net(
            destinations=tuple(destinations),
            port=kind[0],
            provenance=kind[1],
            cut=kind[2],
            local=len({places[one] for one in (*destinations, *(source for source, _ in sources))}) == 1,
            wires=tuple(ends[destinations[0], kind]),
        )
        for (_, kind, sources), destinations in alike.items()
    )
