"""Everything in the rendered files that joins two servers names the documents' rows that it is there for.

Read from the files alone: networks, rules, published ports and manifests name rows that exist, that join
exactly the roles at hand, and that no other place leaves out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given

from labgen.assets import templates_dir
from labgen.catalogue.model import Connection, Scope
from labgen.names import Label
from labgen.plan.spec import LabSpec
from labgen.render.lab import Rendering, render_lab
from labgen.render.service import PUBLIC
from tests.unit.plan.specs import CATALOGUE, documented, lab_specs, plan_of
from tests.unit.render.hardening import compose_of

ROWS = {row.id: row for row in CATALOGUE.connections}
RULE = re.compile(
    r"ip (?P<side>[sd]addr) (?P<place>\S+) ((?P<transport>tcp|udp) dport|ip protocol) (?P<ports>\S+) "
    r'counter accept comment "(?P<rows>[^"]*)"'
)
#: Where who has no address yet is, and whom he asks: rows over UDP alone.
NOBODY, EVERYBODY = "0.0.0.0", "255.255.255.255"  # noqa: S104 - an address in a rule


@dataclass(frozen=True)
class Files:
    """A rendered lab, by nothing but its files."""

    rendering: Rendering

    @cached_property
    def compose(self) -> dict[str, Any]:
        return compose_of(self.rendering)

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.compose["services"]
        return found

    @property
    def networks(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.compose["networks"]
        return found

    @cached_property
    def members(self) -> dict[str, dict[str, str]]:
        """For each network its nodes with their addresses (empty where the engine chooses)."""
        found: dict[str, dict[str, str]] = {name: {} for name in self.networks}
        for node, service in self.services.items():
            for name, place in service.get("networks", {}).items():
                found[name][node] = place.get("ipv4_address", "")
        return found

    def role(self, node: str) -> str:
        return str(self.services[node]["labels"][Label.ROLE])

    def rows(self, network: str) -> list[str]:
        return str(self.networks[network]["labels"].get(Label.CONNECTIONS, "")).split()

    def manifest(self, node: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rendering.files[f"nodes/{node}/node.json"])
        return found

    def rules(self, node: str) -> Iterator[tuple[str, re.Match[str]]]:
        """Yield (chain, rule) of every line that lets something pass for a row."""
        chain = ""
        for line in self.rendering.files[f"nodes/{node}/firewall.nft"].splitlines():
            chain = line.split()[1] if line.strip().startswith("chain ") else chain
            if "comment" in line:
                found = RULE.fullmatch(line.strip())
                assert found, line
                yield chain, found


def rendered(spec: LabSpec, images: dict[str, str]) -> Files:
    return Files(render_lab(plan_of(spec), templates_dir(), images))


def check_networks(files: Files) -> None:
    """A network's rows join its members' roles, both of them, and there is no network without a row."""
    for network, members in files.members.items():
        if network == PUBLIC:
            continue
        rows = files.rows(network)
        assert rows, network
        assert len(rows) == len(set(rows)), network
        roles = {files.role(node) for node in members}
        assert all({ROWS[row].source, ROWS[row].destination} == roles for row in rows), network


def check_rules(files: Files, node: str) -> None:
    """A rule is as its row says, and where it leads on the row's network are the row's other ends only."""
    role = files.role(node)
    due = {
        (chain, row)
        for network, members in files.members.items()
        if node in members and network != PUBLIC
        for row in files.rows(network)
        for chain, end in (("output", ROWS[row].source), ("input", ROWS[row].destination))
        if end == role
    }
    found = set()
    for chain, rule in files.rules(node):
        word, *published = rule["rows"].split()
        if word == "published":
            check_published_rule(files, node, rule, published)
            continue
        row = ROWS[word]
        mine, other = (row.source, row.destination) if chain == "output" else (row.destination, row.source)
        assert mine == role, (node, word)
        assert rule["side"] == ("daddr" if chain == "output" else "saddr"), (node, word)
        assert f"{rule['ports']}/{rule['transport'] or 'vrrp'}" == row.ports, (node, word)
        assert led_to(files, node, rule["place"], word) == {other}, (node, word)
        found.add((chain, word))
    assert found == due, node


def led_to(files: Files, node: str, place: str, row: str) -> set[str]:
    """Return the roles of whom `place` means: nodes other than `node` on its networks with that row."""
    if place in (NOBODY, EVERYBODY):
        assert ROWS[row].transport == "udp", row
        return {ROWS[row].source if place == NOBODY else ROWS[row].destination}
    first, last = span(place)
    found = {
        (network, files.role(other))
        for network, members in files.members.items()
        if node in members
        for other, address in members.items()
        if other != node and address and first <= IPv4Address(address) <= last
    }
    assert all(row in files.rows(network) for network, _ in found), (node, row)
    return {role for _, role in found}


def span(place: str) -> tuple[IPv4Address, IPv4Address]:
    if "-" in place:
        first, _, last = place.partition("-")
        return IPv4Address(first), IPv4Address(last)
    network = IPv4Network(place)
    return network[0], network[-1]


def check_published_rule(files: Files, node: str, rule: re.Match[str], rows: list[str]) -> None:
    assert rule["side"] == "daddr"
    assert rule["place"] == files.networks[PUBLIC]["ipam"]["config"][0]["subnet"]
    assert published_of(files, node)[int(rule["ports"])] == rows, node


def published_of(files: Files, node: str) -> dict[int, list[str]]:
    """Return the rows behind each published port, as the label has them."""
    label = str(files.services[node]["labels"].get(Label.PUBLISHED, ""))
    found = {}
    for one in label.split():
        port, _, rows = one.partition("=")
        found[int(port)] = [row for row in rows.split(",") if row]
    return found


def check_published(files: Files, node: str) -> None:
    """The label has each published port, with the rows by which users reach it there."""
    published = published_of(files, node)
    ports = sorted(int(one.rpartition(":")[2]) for one in files.services[node].get("ports", []))
    # The host has a port once: others that share the address serve it without one.
    beside = PUBLIC in files.services[node].get("networks", {}) and not ports
    assert beside or sorted(published) == ports, node
    for port, rows in published.items():
        for row in map(ROWS.__getitem__, rows):
            assert (row.destination, row.port) == (files.role(node), port), node
            assert CATALOGUE.roles[row.source].actor, node
            assert CATALOGUE.roles[row.source].scope is Scope.PLATFORM, node
    open_to_users = {
        int(rule["ports"]) for _, rule in files.rules(node) if rule["rows"].startswith("published")
    }
    assert open_to_users == set(published), node


def serving(files: Files, name: str) -> list[str]:
    """Return the nodes that a neighbour's name stands for: its own, or all that share the address."""
    return [name] if name in files.services else [one for one in files.services if one.startswith(f"{name}-")]


def check_manifest(files: Files, node: str) -> None:
    """What a server is told that it listens on and whom it may reach are rows of its networks."""
    manifest, role = files.manifest(node), files.role(node)
    here = {
        row for network, members in files.members.items() if node in members for row in files.rows(network)
    }
    listens = [
        (row, (one["protocol"], one["transport"], one["port"]))
        for one in manifest["listens"]
        for row in one["connections"]
    ]
    assert all(facts_of(ROWS[row]) == facts for row, facts in listens), node
    assert sorted(row for row, _ in listens) == sorted(
        row for row in here if ROWS[row].destination == role and answers_somebody(files, node, row)
    ), node
    for one in manifest["neighbours"]:
        row = ROWS[one["connection"]]
        assert (row.source, row.destination) == (role, one["role"]), node
        assert facts_of(row) == (one["protocol"], one["transport"], one["port"]), node
        servers = serving(files, one["node"])
        assert {files.role(name) for name in servers} == {one["role"]}, node
        assert any(
            {node, *servers} <= set(members) and row.id in files.rows(network)
            for network, members in files.members.items()
        ), node


def answers_somebody(files: Files, node: str, row: str) -> bool:
    return any(
        other != node and files.role(other) == ROWS[row].source
        for network, members in files.members.items()
        if node in members and row in files.rows(network)
        for other in members
    )


def facts_of(row: Connection) -> tuple[str, str, int]:
    return row.protocol, row.transport, row.port


def check(files: Files) -> None:
    check_networks(files)
    for node in files.services:
        check_rules(files, node)
        check_published(files, node)
        check_manifest(files, node)


@given(lab_specs(most=3))
def test_all_that_joins_servers_is_traced_to_its_rows(golden_images: dict[str, str], spec: LabSpec) -> None:
    files = rendered(spec, golden_images)
    check(files)
    told = {
        (node, name, one["connection"])
        for node in files.services
        for one in files.manifest(node)["neighbours"]
        for name in serving(files, one["node"])
    }
    assert told == documented(plan_of(spec), spec)
    public = {row for node in files.services for rows in published_of(files, node).values() for row in rows}
    assert sorted(files.rows(PUBLIC) if PUBLIC in files.networks else []) == sorted(public)


def test_the_small_lab(small: Rendering) -> None:
    files = Files(small)
    check(files)
    assert published_of(files, "frontend-1") == {80: ["1"], 443: ["2"], 41337: ["35"]}
    named = {row for network in files.networks for row in files.rows(network)}
    assert named == {row.id for row in plan_of(LabSpec()).connections}


def changed(path: str, old: str, new: str) -> Callable[[Rendering], Rendering]:
    def change(rendering: Rendering) -> Rendering:
        text = rendering.files[path]
        assert text.count(old) == 1, (path, old, text.count(old))
        return replace(rendering, files={**rendering.files, path: text.replace(old, new)})

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("compose.yaml", "io.labgen.connections: '13'", "io.labgen.connections: '999'"),
        changed("compose.yaml", "io.labgen.connections: '13'", "io.labgen.connections: '9'"),
        changed("compose.yaml", "io.labgen.connections: '13'", "io.labgen.connections: 13 13"),
        changed("compose.yaml", "io.labgen.published: 80=1 ", "io.labgen.published: 80=2 "),
        changed("compose.yaml", "io.labgen.published: 80=1 ", "io.labgen.published: "),
        changed("nodes/redis-1/firewall.nft", 'comment "13"', 'comment "9"'),
        changed("nodes/redis-1/firewall.nft", "dport 6379", "dport 6380"),
        changed("nodes/redis-1/firewall.nft", "ip saddr", "ip daddr"),
        changed("nodes/frontend-1/firewall.nft", 'comment "published 2"', 'comment "published 1"'),
        changed("nodes/redis-1/node.json", '"connections": ["13"]', '"connections": ["9"]'),
        changed("nodes/redis-1/node.json", '"connections": ["13"]', '"connections": []'),
        changed("nodes/ui-1/node.json", '"connection": "3"', '"connection": "4"'),
    ],
)
def test_what_is_not_traced_is_found(small: Rendering, change: Callable[[Rendering], Rendering]) -> None:
    files = Files(change(small))
    with pytest.raises((AssertionError, KeyError)):
        check(files)
