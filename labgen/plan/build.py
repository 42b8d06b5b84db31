"""Makes the plan: counts, nodes, links, addresses, published ports, top to bottom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import count
from typing import TYPE_CHECKING, Final

from labgen.catalogue.model import Scope
from labgen.errors import InvalidInput
from labgen.nearest import what_there_is
from labgen.plan.addresses import DEFAULT_SUPERNET, Allocator, link_prefix
from labgen.plan.model import Interface, LabPlan, Link, Node, Published, Site, Virtual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Network

    from labgen.catalogue.model import Catalogue, Connection, Role
    from labgen.plan.spec import LabSpec

__all__ = ["make_plan"]

_SITE_NAMES = {Scope.DATACENTER: "dc", Scope.REGION: "pcr"}
_PLATFORM = Site("platform", Scope.PLATFORM, 1)
#: Seconds between questions of the engine how a node is, in labs of so many nodes at most. To enter a
#: container costs more than the check in it, some 0.1 s of a processor: a large lab would do little else if
#: it were asked as often as a small one. In steps, and kept by a lab that runs: a node more changes no other.
_RHYTHMS: Final[tuple[tuple[int | None, int], ...]] = ((30, 10), (100, 30), (None, 60))


def make_plan(catalogue: Catalogue, spec: LabSpec, name: str) -> LabPlan:
    """Return the plan of the lab `name`: a pure function, same input, same plan.

    Raises InvalidInput when the specification names a site that the lab lacks, leaves no node, or
    does not fit into its supernet.
    """
    sites = _sites(catalogue, spec)
    nodes = _nodes(catalogue, spec, sites)
    if not nodes:
        raise InvalidInput("the lab would have no node at all", "Set the count of some role above 0.")
    ruling = catalogue.ruling(spec.size, spec.variants)
    rows = tuple(row for row in catalogue.chosen(ruling) if catalogue.realisable(row))
    drafts = list(_drafts(catalogue, rows, sites, nodes))
    supernet = spec.supernet or DEFAULT_SUPERNET
    # One more for an address that several of them share.
    public_prefix = link_prefix(sum(bool(catalogue.roles[node.role].publish) for node in nodes) + 1)
    slots = _slots(catalogue)
    allocator = Allocator(
        supernet,
        sites,
        max(slots.values()) + 1,
        [(_PLATFORM, public_prefix), *((one.site, one.prefix) for one in drafts)],
    )
    public_subnet = allocator.take(_PLATFORM, public_prefix, 0)
    links = tuple(_link(allocator, slots, draft) for draft in drafts)
    realised = {one for link in links for one in link.connections}
    published = tuple(_published(catalogue, spec, nodes, rows, public_subnet))
    return LabPlan(
        name=name,
        size=spec.size,
        supernet=supernet,
        sites=sites,
        nodes=_connected(nodes, links),
        links=links,
        connections=tuple(row for row in rows if row.id in realised),
        public_subnet=public_subnet,
        published=published,
        firewall=spec.firewall,
        check_seconds=spec.check_seconds or _check_seconds(len(nodes)),
    )


def _check_seconds(nodes: int) -> int:
    return next(seconds for most, seconds in _RHYTHMS if most is None or nodes <= most)


def _sites(catalogue: Catalogue, spec: LabSpec) -> tuple[Site, ...]:
    size = catalogue.sizes[spec.size]
    counts = {
        Scope.DATACENTER: size.datacenters if spec.datacenters is None else spec.datacenters,
        Scope.REGION: size.regions if spec.regions is None else spec.regions,
    }
    sites = (
        _PLATFORM,
        *(
            Site(f"{_SITE_NAMES[scope]}{number}", scope, number)
            for scope, count in counts.items()
            for number in range(1, count + 1)
        ),
    )
    known = {site.name for site in sites}
    for name in spec.sites:
        if name not in known:
            raise InvalidInput(f"sites.{name}: the lab has no such site{what_there_is(name, known)}")
    return sites


def _nodes(catalogue: Catalogue, spec: LabSpec, sites: tuple[Site, ...]) -> tuple[Node, ...]:
    counts = {**catalogue.sizes[spec.size].counts, **spec.counts}
    by_scope: dict[Scope, list[tuple[Role, int]]] = {scope: [] for scope in Scope}
    for role in catalogue.roles.values():
        if role.template is not None:
            by_scope[role.scope].append((role, counts.get(role.id, 0)))
    found = []
    for site in sites:
        differs = spec.sites[site.name].counts if site.name in spec.sites else {}
        for name in differs:
            if catalogue.roles[name].scope is not site.scope:
                raise InvalidInput(
                    f"sites.{site.name}.counts.{name}: role '{name}' does not belong to this site"
                )
        for role, usual in by_scope[site.scope]:
            found += [_node(spec, role, site, number) for number in range(1, differs.get(role.id, usual) + 1)]
    return tuple(found)


def _node(spec: LabSpec, role: Role, site: Site, number: int) -> Node:
    prefix = "" if site.scope is Scope.PLATFORM else f"{site.name}-"
    wanted = spec.resources.get(role.id)
    limit = wanted.memory if wanted and wanted.memory else role.memory.limit
    return Node(
        name=f"{prefix}{role.node}-{number}",
        role=role.id,
        server=role.server,
        site=site.name,
        number=number,
        actor=role.actor,
        template=role.template or role.id,
        image=spec.images.get(role.id),
        memory_typical=min(role.memory.typical, limit),
        memory_limit=limit,
        cpus=wanted.cpus if wanted else None,
        interfaces=(),
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A link without its subnet."""

    site: Site
    roles: tuple[str, str]
    rows: list[Connection]
    groups: list[list[str]]
    virtual: dict[str, str]  # host by role

    @property
    def prefix(self) -> int:
        shared = [
            len(group) + (end in self.virtual) for end, group in zip(self.roles, self.groups, strict=False)
        ]
        return link_prefix(*shared)


def _pairs(rows: Iterable[Connection]) -> dict[frozenset[str], list[Connection]]:
    pairs: dict[frozenset[str], list[Connection]] = {}
    for row in rows:
        pairs.setdefault(frozenset((row.source, row.destination)), []).append(row)
    return pairs


def _slots(catalogue: Catalogue) -> dict[frozenset[str], int]:
    """Return the fixed place of each pair of roles, whatever this lab realises; 0 is the public network's."""
    rows = (row for row in catalogue.connections if catalogue.realisable(row))
    slots: dict[frozenset[str], int] = {}
    last: Counter[frozenset[Scope]] = Counter()
    for pair in _pairs(rows):
        kind = frozenset(catalogue.roles[role].scope for role in pair) - {Scope.PLATFORM}
        last[kind] += 1
        slots[pair] = last[kind]
    return slots


def _drafts(
    catalogue: Catalogue, rows: tuple[Connection, ...], sites: tuple[Site, ...], nodes: tuple[Node, ...]
) -> Iterator[_Draft]:
    """Every link: one for each pair of roles with a connection, at each of their sites."""
    members: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        members.setdefault((node.role, node.site), []).append(node.name)
    for rows_of_pair in _pairs(rows).values():
        first = rows_of_pair[0]
        ends = (first.source, first.destination)
        scopes = {catalogue.roles[end].scope for end in ends} - {Scope.PLATFORM}
        for site in sites:
            # Two roles of one kind of site meet only inside a site; a platform role meets every site.
            if scopes != ({site.scope} - {Scope.PLATFORM}):
                continue
            groups = [
                members.get((end, _home(catalogue.roles[end], site)), []) for end in dict.fromkeys(ends)
            ]
            if all(groups) and sum(map(len, groups)) > 1:
                shared = dict(_shared(catalogue, rows_of_pair, site, dict(zip(ends, groups, strict=False))))
                yield _Draft(site, ends, rows_of_pair, groups, shared)


def _shared(
    catalogue: Catalogue, rows: list[Connection], site: Site, groups: dict[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """Yield each role that clients of its link know by one shared address, with the name of that."""
    for end, group in groups.items():
        role = catalogue.roles[end]
        has_clients = any(row.destination == end != row.source for row in rows)
        if role.virtual and has_clients and len(group) > 1:
            prefix = "" if role.scope is Scope.PLATFORM else f"{site.name}-"
            yield end, f"{prefix}{role.node}"


def _home(role: Role, site: Site) -> str:
    return _PLATFORM.name if role.scope is Scope.PLATFORM else site.name


def _link(allocator: Allocator, slots: dict[frozenset[str], int], draft: _Draft) -> Link:
    prefix = "" if draft.site.scope is Scope.PLATFORM else f"{draft.site.name}-"
    link = Link(
        name=f"{prefix}{draft.roles[0]}-{draft.roles[1]}",
        site=draft.site.name,
        roles=draft.roles,
        subnet=allocator.take(draft.site, draft.prefix, slots[frozenset(draft.roles)]),
        members=tuple(name for group in draft.groups for name in group),
        connections=tuple(row.id for row in draft.rows),
    )
    # The last of the role's addresses: a node more moves it no more than any other.
    virtual = (Virtual(role, host, str(link.room(role)[1])) for role, host in draft.virtual.items())
    return replace(link, virtual=tuple(virtual))


def _connected(nodes: tuple[Node, ...], links: tuple[Link, ...]) -> tuple[Node, ...]:
    """Give each node its addresses, each role of a link in its own half: a node more moves no other."""
    role = {node.name: node.role for node in nodes}
    interfaces: dict[str, list[Interface]] = {node.name: [] for node in nodes}
    for link in links:
        lower, upper = (count(int(link.room(end)[0])) for end in (link.roles[0], link.roles[-1]))
        for member in link.members:
            address = next(lower if role[member] == link.roles[0] else upper)
            interfaces[member].append(Interface(link.name, str(IPv4Address(address))))
    return tuple(replace(node, interfaces=tuple(interfaces[node.name])) for node in nodes)


def _published(
    catalogue: Catalogue,
    spec: LabSpec,
    nodes: tuple[Node, ...],
    rows: tuple[Connection, ...],
    public_subnet: IPv4Network,
) -> Iterator[Published]:
    # The host has one port each: the first node of a role stands for it.
    first = {node.role: node for node in reversed(nodes)}
    found = [
        (name, one, first[role.id].name)
        for role in catalogue.roles.values()
        if role.id in first
        for name, one in role.publish.items()
    ]
    ports = _host_ports(spec, {name: one.host for name, one, _ in found})
    roles = {node.name: node.role for node in nodes}
    for name, one, node in found:
        role = catalogue.roles[roles[node]]
        serving = tuple(other.name for other in nodes if other.role == role.id) if role.virtual else (node,)
        yield Published(
            name=name,
            node=node,
            nodes=serving,
            virtual=str(public_subnet.broadcast_address - 1) if len(serving) > 1 else "",
            port=one.port,
            connections=tuple(
                row.id
                for row in rows
                if (row.destination, row.port) == (roles[node], one.port)
                and catalogue.roles[row.source].actor
                and catalogue.roles[row.source].scope is Scope.PLATFORM
            ),
            host_port=ports[name],
            bind=str(spec.bind),
            url=one.url,
            title=one.title,
        )


def _host_ports(spec: LabSpec, wanted: dict[str, int]) -> dict[str, int]:
    """Return a host port for each name: the user's own, else the wanted one or the next that is left."""
    fixed: dict[int, str] = {}
    for name, port in spec.ports.items():
        if port in fixed:
            raise InvalidInput(
                f"ports.{name}: {port} is the port of {fixed[port]} already",
                "Give each published port a host port of its own.",
            )
        fixed[port] = name
    chosen = {name: spec.ports[name] for name in wanted if name in spec.ports}
    for name, port in wanted.items():
        if name not in chosen:
            chosen[name] = next(one for one in count(port) if one not in chosen.values())
    return chosen
