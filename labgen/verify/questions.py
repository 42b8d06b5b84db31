"""What is asked, of whom: for every source, every port of every address that no document lets it reach.

Pure. The plan says what is documented; what a node's network namespace showed (`Look`) adds the addresses
and listeners that nobody planned.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final

from labgen.verify.expect import HOST
from labgen.verify.ports import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.plan.model import LabPlan
    from labgen.verify.look import Look

__all__ = ["GATEWAYS", "INTERNET", "OTHER_LABS", "Questions", "Target", "Wanted", "count_of"]

#: Destinations that are no participants: where a way out of the lab would lead.
GATEWAYS, INTERNET, OTHER_LABS = "gateways", "internet", "other labs"
#: An address for documentation (RFC 5737).
_OUTSIDE: Final = "198.51.100.1"
_OUTSIDE_TCP, _OUTSIDE_UDP = (80, 443), (53,)
#: Besides the lab's own ports, what a machine has open most often.
_OF_MACHINES: Final = (22, 53, 111, 2375, 2376)


@dataclass(frozen=True, slots=True)
class Target:
    """An address with ports that must be closed to the source. `destination` is whom the answer is about.

    `near` is an address on a network that the source is on. Packets to any other have a time to live of
    one: what leaves the node though it should not ends at this machine. One that is not `sent` has no way
    there that would stay on this machine.
    """

    destination: str
    address: str
    tcp: str
    udp: str
    near: bool = False
    sent: bool = True

    def as_request(self) -> dict[str, Any]:
        """Return the target as the probe takes it (images/probe, `sweep`)."""
        asked: dict[str, Any] = {"address": self.address, "tcp": self.tcp, "udp": self.udp}
        return asked if self.near else asked | {"ttl": 1}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pairs are asked: `--only A[:B]`, each a node, a role, a site, or the host; empty means all."""

    source: frozenset[str] | None = None
    destination: frozenset[str] | None = None
    either: frozenset[str] | None = None

    def __call__(self, source: str, destination: str) -> bool:
        """Whether the ordered pair is wanted."""
        if self.either is not None:
            return source in self.either or destination in self.either
        return (self.source is None or source in self.source) and (
            self.destination is None or destination in self.destination
        )


@dataclass(frozen=True)
class Questions:
    """All questions about a lab, as far as it could be looked at."""

    plan: LabPlan
    looks: Mapping[str, Look]
    other_labs: tuple[str, ...] = ()
    canaries: Mapping[str, int] | None = None
    wanted: Wanted = Wanted()

    def targets(self, source: str) -> list[Target]:
        """Return what must be closed to `source`, node by node, then the ways out."""
        found = [
            target
            for node in self.plan.nodes
            if node.name != source and self.wanted(source, node.name)
            for target in self._at(source, node.name)
        ]
        if source != HOST:
            found += self._ways_out(source)
        return found

    def names(self, source: str) -> list[str]:
        """Return the names that `source` is asked to resolve: every other node's. This machine knows none."""
        if source == HOST:
            return []
        return [
            node.name for node in self.plan.nodes if node.name != source and self.wanted(source, node.name)
        ]

    def name_of(self, source: str, name: str) -> list[str]:
        """Return the addresses that `name` may have for `source`; none when it must not know the name.

        Whoever shares a link resolves the names of all on it: the engine's resolver knows no finer. Who
        shares several is told one of the addresses.
        """
        return self._names.get((source, name), [])

    def _at(self, source: str, name: str) -> Iterator[Target]:
        heard = self.looks.get(name)
        own_tcp, own_udp = self._heard(name, "tcp"), self._heard(name, "udp")
        open_at = self._documented.get((source, name), {})
        addresses = {*self._planned[name], *(heard.addresses if heard else ())}
        # An address that the source shares may be its own by the time that it asks.
        addresses -= self._shared.get(self._role.get(source, ""), set())
        for address in sorted(addresses, key=IPv4Address):
            allowed = open_at.get(address, frozenset())
            near = self._is_near(source, address)
            tcp, udp = (self._tcp if near else self._tcp_ends) | own_tcp, self._udp | own_udp
            if not (near or self.plan.firewall):
                # Each waits for an answer that does not come; two are enough to see where they end.
                tcp, udp = frozenset(sorted(tcp)[:2]), frozenset()
            yield Target(
                name,
                address,
                pack(tcp - {port for transport, port in allowed if transport == "tcp"}),
                pack(udp - {port for transport, port in allowed if transport == "udp"}),
                near,
                sent=near or source != HOST,
            )

    @cached_property
    def _role(self) -> dict[str, str]:
        return {node.name: node.role for node in self.plan.nodes}

    @cached_property
    def _shared(self) -> dict[str, set[str]]:
        """Return the addresses that the nodes of a role share, by role."""
        found: dict[str, set[str]] = defaultdict(set)
        for node in self.plan.nodes:
            found[node.role].update(one.address for one in self.plan.shared_by(node))
        return found

    def _heard(self, name: str, transport: str) -> frozenset[int]:
        look = self.looks.get(name)
        return frozenset(one.port for one in (look.listeners if look else ()) if one.transport == transport)

    def _is_near(self, source: str, address: str) -> bool:
        heard = self.looks.get(source)
        return heard is not None and heard.reaches(address)

    def _ways_out(self, source: str) -> Iterator[Target]:
        ports = {*self._tcp, *_OF_MACHINES} if self.plan.firewall else {*_OF_MACHINES}
        if self.wanted(source, HOST):
            host = self.looks.get(HOST)
            canaries = self.canaries or {}
            # What really listens there, other labs' published ports among it.
            heard = self._heard(HOST, "tcp") | {one.host_port for one in self.plan.published}
            for address in host.addresses if host else ():
                asked = {*_OF_MACHINES, *heard, *([canaries[address]] if address in canaries else [])}
                yield Target(HOST, address, pack(asked), pack({53} | self._heard(HOST, "udp")))
        if not self.wanted(source, source):
            return
        for address in self._gateways[source]:
            yield Target(GATEWAYS, address, pack(ports), pack(self._udp), near=True)
        yield Target(INTERNET, _OUTSIDE, pack(_OUTSIDE_TCP), pack(_OUTSIDE_UDP))
        for address in self.other_labs:
            yield Target(OTHER_LABS, address, pack(self._tcp_ends), pack(()))

    @cached_property
    def _tcp(self) -> frozenset[int]:
        return self._ports("tcp")

    @cached_property
    def _tcp_ends(self) -> frozenset[int]:
        """Return the documented TCP ports, of a range both ends.

        Where no link leads, the kernel has no way to the address, whatever the port is.
        """
        rows = [row for row in self.plan.connections if row.transport == "tcp"]
        return frozenset(port for row in rows for port in (row.port, row.last_port or row.port))

    @cached_property
    def _udp(self) -> frozenset[int]:
        return self._ports("udp")

    def _ports(self, transport: str) -> frozenset[int]:
        return frozenset(
            port
            for row in self.plan.connections
            if row.transport == transport
            for port in range(row.port, (row.last_port or row.port) + 1)
        )

    @cached_property
    def _planned(self) -> dict[str, tuple[str, ...]]:
        return {node.name: tuple(one.address for one in node.interfaces) for node in self.plan.nodes}

    @cached_property
    def _documented(self) -> dict[tuple[str, str], dict[str, frozenset[tuple[str, int]]]]:
        """Return what each ordered pair may reach: by address of the destination, (transport, port)."""
        address = {(node.name, one.link): one.address for node in self.plan.nodes for one in node.interfaces}
        found: dict[tuple[str, str], dict[str, frozenset[tuple[str, int]]]] = defaultdict(dict)
        role = {node.name: node.role for node in self.plan.nodes}
        for link in self.plan.links:
            rows = [self.plan.connection_by_id[one] for one in link.connections]
            for source in link.members:
                for name in link.members:
                    allowed = frozenset(
                        (row.transport, port)
                        for row in rows
                        if (row.source, row.destination) == (role[source], role[name])
                        for port in range(row.port, (row.last_port or row.port) + 1)
                    )
                    if allowed and name != source:
                        found[source, name][address[name, link.name]] = allowed
                        # Whoever of them has it answers at a shared address as well.
                        shared = (one.address for one in link.virtual if one.role == role[name])
                        found[source, name] |= dict.fromkeys(shared, allowed)
        for one in self.plan.published:
            for name in one.nodes:
                for seen in self._public_of(name):
                    before = found[HOST, name].get(seen, frozenset())
                    found[HOST, name][seen] = before | {("tcp", one.port)}
        return dict(found)

    def _public_of(self, name: str) -> list[str]:
        """Return the addresses of a node at which this machine reaches it."""
        heard = self.looks.get(name)
        seen = heard.addresses if heard else ()
        return [one for one in seen if IPv4Address(one) in self.plan.public_subnet]

    @cached_property
    def _names(self) -> dict[tuple[str, str], list[str]]:
        address = {(node.name, one.link): one.address for node in self.plan.nodes for one in node.interfaces}
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for link in self.plan.links:
            for member in link.members:
                for other in link.members:
                    if other != member:
                        found[member, other].append(address[other, link.name])
        return dict(found)

    @cached_property
    def _gateways(self) -> dict[str, list[str]]:
        """Return the first address of each of a node's networks: a bridge's own, on some engines."""
        found = {
            node.name: [
                str(self.plan.link_by_name[one.link].subnet.network_address + 1) for one in node.interfaces
            ]
            for node in self.plan.nodes
        }
        for name in {name for one in self.plan.published for name in one.nodes}:
            found[name].append(str(self.plan.public_subnet.network_address + 1))
        return found


def count_of(targets: Iterable[Target]) -> int:
    """Return how many questions `targets` are: one for each address, transport and port."""
    return sum(len(unpack(one.tcp)) + len(unpack(one.udp)) for one in targets)
