"""What every picture of a lab shows, whatever it is drawn in: made from the plan and from what runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.catalogue.model import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.catalogue.model import Connection, Provenance
    from labgen.plan.model import LabPlan, Node, Site

__all__ = ["Arrow", "Box", "Picture", "Place", "Port", "Server", "picture_of", "port_text"]

_KINDS: Final = {Scope.PLATFORM: "", Scope.DATACENTER: "datacenter", Scope.REGION: "public cloud region"}


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a documented connection leads to; `host` is where the lab publishes it, or empty."""

    protocol: str
    number: str
    host: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells one port of a node from another."""
        return (self.protocol, self.number)


@dataclass(frozen=True, slots=True)
class Box:
    """A node. `state` is what the engine says of it, None in the picture of a plan."""

    name: str
    role: str
    server: str
    actor: bool
    state: str | None
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """A documented machine with its nodes."""

    name: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A site, or what is outside beside it. `kind` says what it is where its name does not."""

    id: str
    site: str
    name: str
    kind: str
    outside: bool
    servers: tuple[Server, ...]

    @property
    def title(self) -> str:
        """`datacenter dc1`, `outside (dc1)`."""
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Arrow:
    """The connections of one provenance from one node to another, in the order of the documents."""

    source: str
    destination: str
    provenance: Provenance
    rows: tuple[Connection, ...]
    cut: bool

    @property
    def label(self) -> str:
        """`http 8009, ajp 8010`."""
        return ", ".join(dict.fromkeys(f"{row.protocol} {port_text(row)}" for row in self.rows))


@dataclass(frozen=True, slots=True)
class Picture:
    """A lab to be drawn. Each documented connection between two nodes is in exactly one arrow.

    `live` says whether the boxes have a state.
    """

    lab: str
    caption: str
    live: bool
    places: tuple[Place, ...]
    arrows: tuple[Arrow, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Every node, in the order of the plan."""
        return tuple(box for place in self.places for server in place.servers for box in server.boxes)


def port_text(row: Connection) -> str:
    """Return the port as a picture shows it: TCP goes without saying."""
    return row.ports.removesuffix("/tcp")


def picture_of(
    plan: LabPlan,
    states: Mapping[str, str] | None = None,
    cuts: frozenset[tuple[str, str]] = frozenset(),
) -> Picture:
    """Return the picture of `plan`.

    `states` has the state of each node that the engine knows; a node that it lacks is `missing`. None
    makes the picture of the plan alone. `cuts` are (source node, destination node) whose wire is cut.
    """
    arrows = tuple(_arrows(plan, cuts))
    ports = _ports(plan, arrows)
    boxes = {
        node.name: Box(
            name=node.name,
            role=node.role,
            server=node.server,
            actor=node.actor,
            state=None if states is None else str(states.get(node.name, "missing")),
            ports=ports.get(node.name, ()),
        )
        for node in plan.nodes
    }
    rows = sum(len(arrow.rows) for arrow in arrows)
    return Picture(
        lab=plan.name,
        caption=f"{_count(plan.nodes, 'node')}, {_count(plan.links, 'link')}, "
        f"{rows} documented connection{'' if rows == 1 else 's'}",
        live=states is not None,
        places=tuple(_places(plan, boxes)),
        arrows=arrows,
    )


def _count(things: tuple[object, ...], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _arrows(plan: LabPlan, cuts: frozenset[tuple[str, str]]) -> Iterable[Arrow]:
    order = {row.id: index for index, row in enumerate(plan.connections)}
    for node in plan.nodes:
        found: dict[tuple[str, Provenance], list[Connection]] = {}
        for one in plan.neighbours(node):
            found.setdefault((one.node.name, one.connection.provenance), []).append(one.connection)
        for (destination, provenance), rows in found.items():
            yield Arrow(
                source=node.name,
                destination=destination,
                provenance=provenance,
                rows=tuple(sorted(rows, key=lambda row: order[row.id])),
                cut=(node.name, destination) in cuts,
            )


def _ports(plan: LabPlan, arrows: Iterable[Arrow]) -> dict[str, tuple[Port, ...]]:
    """Return what each node listens on, by port."""
    hosts = {(one.node, one.port): one.address for one in plan.published}
    found: dict[str, dict[tuple[int, str, str], Port]] = {}
    for arrow in arrows:
        for row in arrow.rows:
            key = (row.port, row.protocol, row.ports)
            host = hosts.get((arrow.destination, row.port), "")
            port = Port(row.protocol, port_text(row), host)
            found.setdefault(arrow.destination, {}).setdefault(key, port)
    return {name: tuple(ports[key] for key in sorted(ports)) for name, ports in found.items()}


def _places(plan: LabPlan, boxes: Mapping[str, Box]) -> Iterable[Place]:
    nodes: dict[tuple[str, bool], list[Node]] = {}
    for node in plan.nodes:
        nodes.setdefault((node.site, node.actor), []).append(node)
    for site in plan.sites:
        for outside in (False, True):
            mine = nodes.get((site.name, outside))
            if mine:
                yield _place(site, mine, boxes, outside=outside)


def _place(site: Site, nodes: list[Node], boxes: Mapping[str, Box], *, outside: bool) -> Place:
    servers: dict[str, list[Box]] = {}
    for node in nodes:
        servers.setdefault(node.server, []).append(boxes[node.name])
    return Place(
        id=f"{site.name}-outside" if outside else site.name,
        site=site.name,
        name=f"outside ({site.name})" if outside else site.name,
        kind="" if outside else _KINDS[site.scope],
        outside=outside,
        servers=tuple(Server(name, tuple(found)) for name, found in servers.items()),
    )
