"""What the documents say about a lab: who exists, and who may reach whom on which ports.

Computed from the catalogue's rows and the specification alone. No code is shared with `labgen.plan`: names,
sites, variants and who meets whom are worked out here a second time, so that the two can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from labgen.catalogue.model import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labgen.catalogue.model import Catalogue, Connection
    from labgen.plan.spec import LabSpec

__all__ = ["BESIDE", "Documented", "Place", "Publishing", "Row", "document"]

_PLATFORM = "platform"
BESIDE = -1


class Place(NamedTuple):
    """All nodes of one role at one site: the documents make no difference between them."""

    role: str
    site: str


class Row(NamedTuple):
    """A document row: roles, and the ports from `first` to `last`."""

    id: str
    source: str
    destination: str
    transport: str
    first: int
    last: int

    @property
    def ports(self) -> str:
        """`6379/tcp`, `5900-5999/tcp`."""
        return f"{self.first}{f'-{self.last}' if self.last > self.first else ''}/{self.transport}"


class Publishing(NamedTuple):
    """A port that a node publishes for the documents' users, by `rows`.

    `host` is 0 where any will do, and BESIDE where another node of the same address has the host's port.
    """

    inside: int
    host: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Documented:
    """A lab as the documents and the user have it. `chosen` are the rows of this lab's variants by id."""

    nodes: Mapping[Place, tuple[str, ...]]
    place_of: Mapping[str, Place]
    chosen: Mapping[str, Row]
    by_roles: Mapping[tuple[str, str], tuple[Row, ...]]
    published: Mapping[str, tuple[Publishing, ...]]
    bind: str
    firewall: bool

    def between(self, source: Place | None, destination: Place | None) -> tuple[Row, ...]:
        """Return the rows by which a node at `source` may reach another at `destination`."""
        if source is None or destination is None or not _meet(source.site, destination.site):
            return ()
        if source == destination and len(self.nodes[source]) == 1:
            return ()  # nobody is a neighbour of its own
        return self.by_roles.get((source.role, destination.role), ())

    def pairs(self) -> Iterator[tuple[Place, Place, tuple[Row, ...]]]:
        """Yield every two places with a row between them, each with all of its rows."""
        sites: dict[str, list[str]] = {}
        for place in self.nodes:
            sites.setdefault(place.role, []).append(place.site)
        for (one, other), rows in self.by_roles.items():
            for site in sites.get(one, ()):
                # Not every two sites are looked at: outside the platform only one's own can meet.
                for there in sites.get(other, ()) if site == _PLATFORM else dict.fromkeys((_PLATFORM, site)):
                    if Place(other, there) in self.nodes and self.between(
                        Place(one, site), Place(other, there)
                    ):
                        yield Place(one, site), Place(other, there), rows


def document(catalogue: Catalogue, spec: LabSpec) -> Documented:
    """Return what `catalogue` says about the lab that `spec` asks for."""
    nodes = dict(_nodes(catalogue, spec))
    usual = catalogue.sizes[spec.size].variants
    ruling = {
        topic: spec.variants.get(topic, usual.get(topic, one.default))
        for topic, one in catalogue.variants.items()
    }
    chosen = {
        one.id: _row(one)
        for one in catalogue.connections
        if all(ruling[topic] == choice for topic, choice in one.variant.items())
        and catalogue.roles[one.source].template is not None
        and catalogue.roles[one.destination].template is not None
    }
    by_roles: dict[tuple[str, str], tuple[Row, ...]] = {}
    for row in chosen.values():
        ends = (row.source, row.destination)
        by_roles[ends] = (*by_roles.get(ends, ()), row)
    return Documented(
        nodes=nodes,
        place_of={name: place for place, names in nodes.items() for name in names},
        chosen=chosen,
        by_roles=by_roles,
        published=dict(_published(catalogue, spec, nodes, by_roles)),
        bind=str(spec.bind),
        firewall=spec.firewall,
    )


def _meet(one: str, other: str) -> bool:
    """Return whether nodes meet: the platform's meet everyone, all others only those of their own site."""
    return one == other or _PLATFORM in {one, other}


def _row(one: Connection) -> Row:
    return Row(one.id, one.source, one.destination, one.transport, one.port, one.last_port or one.port)


def _sites(catalogue: Catalogue, spec: LabSpec) -> dict[Scope, list[str]]:
    size = catalogue.sizes[spec.size]
    datacenters = size.datacenters if spec.datacenters is None else spec.datacenters
    regions = size.regions if spec.regions is None else spec.regions
    return {
        Scope.PLATFORM: [_PLATFORM],
        Scope.DATACENTER: [f"dc{number + 1}" for number in range(datacenters)],
        Scope.REGION: [f"pcr{number + 1}" for number in range(regions)],
    }


def _nodes(catalogue: Catalogue, spec: LabSpec) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """Yield the names of the nodes at each place: `<site>-<role's name>-<number>`, the platform unnamed."""
    usual = catalogue.sizes[spec.size].counts
    sites = _sites(catalogue, spec)
    for role in catalogue.roles.values():
        if role.template is None:
            continue
        for site in sites[role.scope]:
            count = spec.counts.get(role.id, usual.get(role.id, 0))
            if site in spec.sites:
                count = spec.sites[site].counts.get(role.id, count)
            prefix = "" if site == _PLATFORM else f"{site}-"
            if count:
                names = (f"{prefix}{role.node}-{number + 1}" for number in range(count))
                yield Place(role.id, site), tuple(names)


def _published(
    catalogue: Catalogue,
    spec: LabSpec,
    nodes: Mapping[Place, tuple[str, ...]],
    by_roles: Mapping[tuple[str, str], tuple[Row, ...]],
) -> Iterator[tuple[str, tuple[Publishing, ...]]]:
    """Yield what a role's first node publishes: the host has each port once, so one node stands for all.

    Nodes that share an address all serve there what the first one publishes.
    """
    users = [role.id for role in catalogue.roles.values() if role.actor and role.scope is Scope.PLATFORM]
    seen: set[str] = set()
    for place, names in nodes.items():
        publications = catalogue.roles[place.role].publish
        if publications and place.role not in seen:
            seen.add(place.role)
            publishing = tuple(
                Publishing(
                    one.port,
                    spec.ports.get(name, 0),
                    tuple(
                        row
                        for user in users
                        for row in by_roles.get((user, place.role), ())
                        if row.first == one.port and row.transport == "tcp"
                    ),
                )
                for name, one in publications.items()
            )
            yield names[0], publishing
            if catalogue.roles[place.role].virtual:
                beside = tuple(one._replace(host=BESIDE) for one in publishing)
                yield from ((name, beside) for name in names[1:])
