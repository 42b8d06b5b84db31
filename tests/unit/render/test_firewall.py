"""The rules of every node, evaluated by hand: they allow the documented connections, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given

from labgen.plan.model import LabPlan, Link, Node
from labgen.plan.spec import LabSpec
from labgen.render.firewall import firewall_of
from tests.unit.plan.specs import lab_specs, plan_of

RULE = re.compile(
    r"ip (?P<side>[sd]addr) (?P<place>[0-9./-]+) "
    r"((?P<transport>tcp|udp) dport|ip protocol) (?P<first>\d+)(-(?P<last>\d+))? "
    r'counter accept comment "(?P<row>[^"]+)"'
)
#: Lines of a chain that are the same in every node, in this order around its rules.
FRAME = {
    "output": ['oif "lo" accept', "ct state established,related accept"],
    "input": ['iif "lo" accept', "ct state established,related accept"],
}
REFUSAL = ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]


@dataclass(frozen=True)
class Packet:
    source: IPv4Address
    destination: IPv4Address
    transport: str
    port: int


def chain(text: str, hook: str) -> list[str]:
    """Return the lines of a chain; whatever is not understood is a failure, never passed over."""
    found = re.search(rf"  chain {hook} {{\n(.*?)\n  }}", text, re.DOTALL)
    assert found
    lines = [line.strip() for line in found[1].splitlines()]
    assert lines[0] == f"type filter hook {hook} priority filter; policy drop;"
    assert lines[1:3] == FRAME[hook]
    assert lines[-2:] == REFUSAL
    return lines[3:-2]


@dataclass(frozen=True)
class Rule:
    """A rule, read: addresses as numbers, both ends included."""

    side: str
    places: tuple[int, int]
    transport: str
    ports: tuple[int, int]
    row: str


@cache
def rules(text: str, hook: str) -> tuple[Rule, ...]:
    """Return the rules of a chain in their order."""
    found = []
    for line in chain(text, hook):
        rule = RULE.fullmatch(line)
        assert rule, line
        first, last = int(rule["first"]), int(rule["last"] or rule["first"])
        found.append(
            Rule(
                rule["side"], _places(rule["place"]), rule["transport"] or "vrrp", (first, last), rule["row"]
            )
        )
    return tuple(found)


def allows(text: str, hook: str, packet: Packet) -> str:
    """Return the row that lets a new packet pass, or nothing."""
    for rule in rules(text, hook):
        address = int(packet.source if rule.side == "saddr" else packet.destination)
        if (
            rule.places[0] <= address <= rule.places[1]
            and packet.transport == rule.transport
            and rule.ports[0] <= packet.port <= rule.ports[1]
        ):
            return rule.row
    return ""


def _places(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if dash:
        return int(IPv4Address(first)), int(IPv4Address(last))
    network = IPv4Network(text)
    return int(network.network_address), int(network.broadcast_address)


def asked_ports(plan: LabPlan) -> set[tuple[str, int]]:
    """Every documented port of any role, both ends of a range, and two that nobody has."""
    ports = {(row.transport, row.port) for row in plan.connections}
    ports |= {(row.transport, row.last_port) for row in plan.connections if row.last_port}
    return ports | {("tcp", 22), ("tcp", 1), ("udp", 53), ("tcp", 112), ("udp", 112), ("vrrp", 112)}


def documented(plan: LabPlan, link: Link, source: Node, destination: Node, transport: str, port: int) -> bool:
    """Read from the catalogue's rows alone, without the code under test."""
    sites = {source.site, destination.site}
    return (
        {source.role, destination.role} == set(link.roles)
        and (len(sites) == 1 or "platform" in sites)
        and any(
            (row.source, row.destination, row.transport) == (source.role, destination.role, transport)
            and row.port <= port <= (row.last_port or row.port)
            for row in plan.connections
        )
    )


def check(plan: LabPlan) -> int:
    """Compare every pair that shares a link, on every port; return how many packets passed."""
    texts = {node.name: firewall_of(plan, node) for node in plan.nodes}
    addresses = {
        (node.name, one.link): IPv4Address(one.address) for node in plan.nodes for one in node.interfaces
    }
    passed = 0
    for link in plan.links:
        for source in map(plan.node_by_name.__getitem__, link.members):
            for destination in map(plan.node_by_name.__getitem__, link.members):
                if source is destination:
                    continue
                ends = addresses[source.name, link.name], addresses[destination.name, link.name]
                for transport, port in asked_ports(plan):
                    packet = Packet(*ends, transport, port)
                    out = allows(texts[source.name], "output", packet)
                    into = allows(texts[destination.name], "input", packet)
                    expected = documented(plan, link, source, destination, transport, port)
                    assert bool(out and into) == expected, (source.name, destination.name, transport, port)
                    assert bool(out) == bool(into), "one end alone never lets pass"
                    passed += expected
    return passed


def test_the_small_lab_allows_exactly_the_documents() -> None:
    plan = plan_of(LabSpec())
    # Each row once, and the ranges (33 and 38) at both ends.
    assert check(plan) == len(plan.connections) + 2


def test_nodes_of_one_role_do_not_reach_each_other() -> None:
    """On one link, with the same port at both ends: only the halves of the subnet tell them apart."""
    check(plan_of(LabSpec(counts={"api": 3, "rs": 2, "hypervisor": 9})))


@given(lab_specs(most=3))
def test_any_lab_allows_exactly_the_documents(spec: LabSpec) -> None:
    check(plan_of(spec))


def test_nothing_leads_out() -> None:
    """Neither a gateway, nor the host, nor the internet is anybody's documented neighbour."""
    plan = plan_of(LabSpec())
    for node in plan.nodes:
        text = firewall_of(plan, node)
        here = IPv4Address(node.interfaces[0].address)
        gateways = [plan.link_by_name[one.link].subnet.network_address + 1 for one in node.interfaces]
        for there in [*gateways, plan.public_subnet.network_address + 1, IPv4Address("192.0.2.1")]:
            for transport, port in asked_ports(plan):
                row = allows(text, "output", Packet(here, there, transport, port))
                assert not row, (node.name, there, port)


def test_published_ports_are_open_on_the_public_network_alone() -> None:
    plan = plan_of(LabSpec())
    text = firewall_of(plan, plan.node_by_name["frontend-1"])
    host = plan.public_subnet.network_address + 1
    there = plan.public_subnet.network_address + 2
    rows = {port: allows(text, "input", Packet(host, there, "tcp", port)) for port in (80, 443, 41337, 8404)}
    assert rows == {80: "published 1", 443: "published 2", 41337: "published 35", 8404: ""}


def test_who_has_no_address_may_ask_for_one() -> None:
    plan = plan_of(LabSpec())
    packet = Packet(IPv4Address(0), IPv4Address("255.255.255.255"), "udp", 67)
    assert allows(firewall_of(plan, plan.node_by_name["dc1-guest-1"]), "output", packet) == "31"
    assert allows(firewall_of(plan, plan.node_by_name["dc1-dhcp-1"]), "input", packet) == "31"
    assert not allows(firewall_of(plan, plan.node_by_name["dc1-rs-1"]), "output", packet)


@pytest.mark.parametrize("line", ["accept", "ip saddr 10.0.0.0/8 accept", "tcp dport 22 accept"])
def test_the_evaluator_refuses_what_it_does_not_know(line: str) -> None:
    plan = plan_of(LabSpec())
    text = firewall_of(plan, plan.nodes[0]).replace("    meta l4proto", f"    {line}\n    meta l4proto")
    with pytest.raises(AssertionError):
        allows(text, "input", Packet(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), "tcp", 1))


def test_peers_speak_vrrp_with_each_other_and_with_nobody_else() -> None:
    """By the protocol's number: a server without a list of protocols knows no other name for it."""
    plan = plan_of(LabSpec(counts={"frontend": 2}))
    check(plan)
    texts = [firewall_of(plan, node) for node in plan.nodes if "ip protocol 112" in firewall_of(plan, node)]
    assert len(texts) == 2
    assert all(text.count('ip protocol 112 counter accept comment "50-vrrp-frontend"') == 2 for text in texts)
