"""Faults to plant in the texts of the small lab, by what they are."""

from __future__ import annotations

import re
from functools import cache

from labgen.plan.spec import LabSpec
from tests.unit.proof.labs import (
    COMPOSE,
    Files,
    Plant,
    in_network,
    in_service,
    new_rule,
    on_rule,
    rendered,
    replaced,
    rules,
)

__all__ = ["PLANTED", "SPEC", "address", "mount", "planted", "small"]

SPEC = LabSpec()
INTERNAL = "    internal: true\n"
ISOLATED = "    driver_opts:\n      com.docker.network.bridge.gateway_mode_ipv4: isolated\n"
REFUSAL = "    meta l4proto tcp reject with tcp reset\n    reject with icmpx admin-prohibited\n"


@cache
def small() -> Files:
    return rendered(SPEC)


def planted(*plants: Plant) -> Files:
    files = dict(small())
    for plant in plants:
        plant(files)
    return files


def address(node: str, network: str) -> str:
    """Return the address of `node` on `network`, as compose.yaml has it."""
    services = small()[COMPOSE].split("\nservices:\n")[1].split("\nnetworks:\n")[0]
    block = re.split(rf"^  {node}:\n", services, flags=re.MULTILINE)[1]
    found = re.search(rf"^      {network}:\n        ipv4_address: (\S+)$", block, re.MULTILINE)
    assert found
    return found[1]


def swapped(one: str, other: str, network: str) -> Plant:
    """Return a hand that gives two nodes each other's address."""

    def plant(files: Files) -> None:
        in_service(one, address(one, network), "elsewhere")(files)
        in_service(other, address(other, network), address(one, network))(files)
        in_service(one, "elsewhere", address(other, network))(files)

    return plant


def without_chain(node: str, chain: str) -> Plant:
    def plant(files: Files) -> None:
        text, count = re.subn(rf"  chain {chain} {{\n.*?\n  }}\n", "", files[rules(node)], flags=re.DOTALL)
        assert count == 1
        files[rules(node)] = text

    return plant


def without_node(node: str) -> Plant:
    def plant(files: Files) -> None:
        pattern = rf"\n  {node}:\n.*?(?=\n  \S)"
        files[COMPOSE], count = re.subn(pattern, "", files[COMPOSE], count=1, flags=re.DOTALL)
        assert count == 1

    return plant


def mount(node: str) -> str:
    return f"    - ./nodes/{node}:/etc/labgen:ro\n"


PLANTED: dict[str, tuple[Plant, ...]] = {
    "a rule gone at the source": (on_rule("ui-1", "3", ".*", ""),),
    "a rule gone at the destination": (on_rule("api-1", "3", ".*", ""),),
    "a rule of a range cut short": (on_rule("guacamole-1", "33", "5900-5999", "5900-5998"),),
    "a port too many": (on_rule("api-1", "3", "8010", "8010-8011"),),
    "another port": (on_rule("api-1", "3", "8010", "8011"),),
    "another port at both ends": (
        on_rule("api-1", "3", "8010", "8011"),
        on_rule("ui-1", "3", "8010", "8011"),
    ),
    "another protocol": (on_rule("ui-1", "3", "tcp", "udp"),),
    "a whole subnet at the source": (on_rule("ui-1", "3", r"addr \S+", "addr 10.210.0.32/28"),),
    "a whole subnet at the destination": (on_rule("api-1", "3", r"addr \S+", "addr 10.210.0.32/28"),),
    "a subnet of all networks": (on_rule("ui-1", "3", r"addr \S+", "addr 10.210.0.0/16"),),
    "accept all in, before the rules": (new_rule("api-1", "input", "accept", first=True),),
    "accept all out, after the rules": (new_rule("api-1", "output", "accept"),),
    "accept all at both ends of a pair": (
        new_rule("rabbitmq-1", "output", "accept"),
        new_rule("api-1", "input", 'accept comment "9"'),
    ),
    "a port from anywhere": (new_rule("mysql-1", "input", 'tcp dport 22 accept comment "9"'),),
    "policy accept": (replaced(rules("api-1"), "policy drop", "policy accept"),),
    "policy accept, and nothing refused": (
        replaced(rules("api-1"), "policy drop", "policy accept"),
        replaced(rules("api-1"), REFUSAL, ""),
    ),
    "no answers": (replaced(rules("api-1"), "    ct state established,related accept\n", ""),),
    "no loopback": (replaced(rules("api-1"), '    oif "lo" accept\n', ""),),
    "new ones as known ones": (replaced(rules("redis-1"), "established,related", "established,new"),),
    "a chain is missing": (without_chain("redis-1", "input"),),
    "a network too many": (
        in_service(
            "ui-1", "    networks:\n", "    networks:\n      api-mysql: {ipv4_address: 10.210.0.102}\n"
        ),
    ),
    "another network": (
        in_service(
            "ui-1",
            "      ui-api:\n        ipv4_address: 10.210.0.34",
            "      api-mysql:\n        ipv4_address: 10.210.0.102",
        ),
    ),
    "a network that leads out": (in_network("ui-api", INTERNAL, ""),),
    "a network with the host on it": (in_network("ui-api", ISOLATED, ""),),
    "a network with the host on it, and a rule": (
        in_network("ui-api", ISOLATED, ""),
        on_rule("api-1", "3", r"addr \S+-", "addr 10.210.0.33-"),
    ),
    "a network that keeps its members apart": (
        in_network(
            "ui-api",
            "    driver_opts:\n",
            "    driver_opts:\n      com.docker.network.bridge.enable_icc: 'false'\n",
        ),
    ),
    "a network over another": (in_network("ui-api", "10.210.0.32/28", "10.210.0.32/27"),),
    "a network that lets its members meet": (in_network("public", "'false'", "'true'"),),
    "a network of other rows": (in_network("ui-api", "connections: '3'", "connections: 4 9"),),
    "a port published": (
        in_service("api-1", "    networks:\n", "    ports: [127.0.0.1:1234:8009]\n    networks:\n"),
    ),
    "a port too many published": (
        in_service("frontend-1", "    ports:\n", "    ports:\n    - 127.0.0.1:1234:8404\n"),
    ),
    "a port published to everybody": (in_service("frontend-1", "127.0.0.1:8443", "0.0.0.0:8443"),),
    "a port published for another row": (in_service("frontend-1", "443=2", "443=1"),),
    "a port not published": (in_service("frontend-1", "    - 127.0.0.1:8443:443\n", ""),),
    "a published port's rule gone": (on_rule("frontend-1", "published 2", ".*", ""),),
    "a published port's rule wider": (on_rule("frontend-1", "published 2", "443", "443-444"),),
    "a published port's rule of another row": (
        on_rule("frontend-1", "published 2", "published 2", "published 1"),
    ),
    "addresses swapped": (swapped("ui-1", "api-1", "ui-api"),),
    "an address twice": (in_service("ui-1", "10.210.0.34", "10.210.0.40"),),
    "an address of another network": (in_service("ui-1", "10.210.0.34", "10.210.9.34"),),
    "no address": (
        in_service("ui-1", "      ui-api:\n        ipv4_address: 10.210.0.34", "      ui-api: {}"),
    ),
    "rules not mounted": (in_service("redis-1", mount("redis-1"), ""),),
    "rules that are nowhere": (lambda files: files.__delitem__(rules("redis-1")),),
    "rules of another node": (in_service("redis-1", mount("redis-1"), mount("mysql-1")),),
    "a comment of another row": (on_rule("api-1", "3", '"3"', '"4"'),),
    "no comment": (on_rule("api-1", "3", ' comment "3"', ""),),
    "nobody may ask everybody": (
        replaced(rules("dc1-guest-1"), "daddr 255.255.255.255", "daddr 255.255.255.254"),
    ),
    "nobody hears who asks everybody": (
        replaced(rules("dc1-dhcp-1"), "saddr 0.0.0.0", "saddr 198.51.100.1"),
    ),
    "another node may ask everybody": (
        new_rule("dc1-rs-1", "output", 'ip daddr 255.255.255.255 udp dport 67 accept comment "31"'),
    ),
    "another node hears who asks everybody": (
        new_rule("dc1-nfs-1", "input", 'ip saddr 0.0.0.0 udp dport 67 accept comment "31"'),
    ),
    "a way to the world": (
        new_rule("frontend-1", "output", 'ip daddr 0.0.0.0/0 tcp dport 25 accept comment "7"'),
    ),
    "a way to the host": (
        new_rule("frontend-1", "output", 'ip daddr 10.210.0.1 tcp dport 22 accept comment "7"'),
    ),
    "a way to an address that is nobody's": (
        new_rule("api-1", "output", 'ip daddr 192.0.2.1 udp dport 53 accept comment "9"'),
    ),
    "a node gone": (without_node("redis-1"),),
    "a node too many": (in_service("redis-1", "io.labgen.node: redis-1", "io.labgen.node: redis-9"),),
    "a service that is no node": (in_service("redis-1", "      io.labgen.node: redis-1\n", ""),),
}
