"""The plan: everything about one lab, decided. Frozen plain objects, made for thousands of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network

    from labgen.catalogue.model import Connection, Scope

__all__ = ["Interface", "LabPlan", "Link", "Neighbour", "Node", "Published", "Shared", "Site", "Virtual"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where nodes live: the platform, a datacenter (`dc1`) or a public cloud region (`pcr1`)."""

    name: str
    scope: Scope
    number: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A node's place on a link."""

    link: str
    address: str


@dataclass(frozen=True, slots=True)
class Node:
    """One container of a role. `memory_*` in bytes; `image` is a folder of images/ or a foreign reference."""

    name: str
    role: str
    server: str
    site: str
    number: int
    actor: bool
    template: str
    image: str | None
    memory_typical: int
    memory_limit: int
    cpus: float | None
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class Virtual:
    """An address that several nodes of `role` share: one of them has it, clients know it as `host`."""

    role: str
    host: str
    address: str


@dataclass(frozen=True, slots=True)
class Shared:
    """A shared address as one of its nodes has it: on `link`, in a network of this prefix length."""

    link: str
    host: str
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class Link:
    """What realises the connections between two roles at a site (or across two): one Docker network."""

    name: str
    site: str
    roles: tuple[str, str]
    subnet: IPv4Network
    members: tuple[str, ...]
    connections: tuple[str, ...]
    virtual: tuple[Virtual, ...] = ()

    def room(self, role: str) -> tuple[IPv4Address, IPv4Address]:
        """Return the first and the last address that nodes of `role` may have: a half of the subnet.

        Without the network's and the broadcast address, and without .1: on an engine that knows no isolated
        gateways that is the host's own, which nobody may reach.
        """
        lower, upper = self.subnet.subnets()
        if role == self.roles[0]:
            return lower.network_address + 2, lower.broadcast_address
        return upper.network_address, upper.broadcast_address - 1


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One connection seen from a node: what it may reach, or who may reach it.

    `host` is the name to speak to: the node's own, or that of the address which it shares with others.
    """

    connection: Connection
    node: Node
    host: str


@dataclass(frozen=True, slots=True)
class Published:
    """A port of a node on the host, for the documents' users outside.

    `url` holds `{address}` for the host's address and port; `connections` are the rows by which those
    users reach it. `nodes` are all that serve it: `node`, which has the host's port, and those that share
    the address `virtual` with it (if there is one, this machine reaches the port there as well).
    """

    name: str
    node: str
    nodes: tuple[str, ...]
    port: int
    connections: tuple[str, ...]
    host_port: int
    bind: str
    url: str
    title: str
    virtual: str = ""

    @property
    def address(self) -> str:
        """Host and port for people: `localhost:8443`, or an address that outlives a node: `10.0.0.6:443`."""
        return f"{self.virtual}:{self.port}" if self.virtual else self.local

    @property
    def local(self) -> str:
        """The port of this machine that leads to `node`: `localhost:8443`."""
        host = "localhost" if self.bind in {"127.0.0.1", "0.0.0.0"} else self.bind  # noqa: S104
        return f"{host}:{self.host_port}"


@dataclass(frozen=True)
class LabPlan:
    """A lab, decided: same input, same plan. Nothing here needs Docker."""

    name: str
    size: str
    supernet: IPv4Network
    sites: tuple[Site, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    connections: tuple[Connection, ...]
    public_subnet: IPv4Network
    published: tuple[Published, ...]
    firewall: bool
    check_seconds: int

    @cached_property
    def node_by_name(self) -> dict[str, Node]:
        """Every node by its name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def link_by_name(self) -> dict[str, Link]:
        """Every link by its name."""
        return {link.name: link for link in self.links}

    @cached_property
    def connection_by_id(self) -> dict[str, Connection]:
        """Every realised connection by its id."""
        return {row.id: row for row in self.connections}

    @cached_property
    def virtual_addresses(self) -> dict[str, Virtual]:
        """Every shared address, those on the public network included."""
        found = {one.address: one for link in self.links for one in link.virtual}
        for published in self.published:
            if published.virtual:
                role = self.node_by_name[published.node].role
                found[published.virtual] = Virtual(role, published.virtual, published.virtual)
        return found

    def shared_by(self, node: Node) -> tuple[Shared, ...]:
        """Return the addresses that `node` shares with others of its role, a public one last."""
        links = [self.link_by_name[one.link] for one in node.interfaces]
        mine = [(link, one) for link in links for one in link.virtual if one.role == node.role]
        public = {one.virtual for one in self.published if one.virtual and node.name in one.nodes}
        prefix = self.public_subnet.prefixlen
        return (
            *(Shared(link.name, one.host, one.address, link.subnet.prefixlen) for link, one in mine),
            *(Shared("public", one, one, prefix) for one in sorted(public)),
        )

    def neighbours(self, node: Node) -> tuple[Neighbour, ...]:
        """Return what `node` may reach, by row and name."""
        return tuple(self._seen_from(node, outgoing=True))

    def clients(self, node: Node) -> tuple[Neighbour, ...]:
        """Return who may reach `node`, by row and name."""
        return tuple(self._seen_from(node, outgoing=False))

    def _seen_from(self, node: Node, *, outgoing: bool) -> list[Neighbour]:
        found = []
        for interface in node.interfaces:
            link = self.link_by_name[interface.link]
            hosts = {one.role: one.host for one in link.virtual}
            for row in map(self.connection_by_id.__getitem__, link.connections):
                mine, other = (row.source, row.destination) if outgoing else (row.destination, row.source)
                if mine == node.role:
                    found += [
                        Neighbour(row, member, hosts.get(other, member.name))
                        for member in map(self.node_by_name.__getitem__, link.members)
                        if member.role == other and member is not node
                    ]
        return found

    @property
    def memory_typical(self) -> int:
        """Bytes that the whole lab holds at rest."""
        return sum(node.memory_typical for node in self.nodes)

    @property
    def memory_limit(self) -> int:
        """Bytes that the whole lab may take at most."""
        return sum(node.memory_limit for node in self.nodes)
