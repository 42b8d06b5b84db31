"""Reading compose.yaml: merges, a node that lives in another's network, and a refusal for whatever is new."""

from __future__ import annotations

import pytest
import yaml

from labgen.plan.spec import LabSpec
from labgen.verify.proof import document as document_module
from labgen.verify.proof.compose import Member, read_compose
from labgen.verify.proof.document import Block, read_document
from labgen.verify.proof.faults import NotUnderstood
from tests.unit.proof.labs import COMPOSE, rendered, rules

SMALL = """\
name: labgen-x
x-node: &node
  cap_add: [KILL]
  networks:
    one: {ipv4_address: 10.0.0.2}
services:
  a-1:
    <<: *node
    labels: {io.labgen.node: a-1}
    volumes:
    - ./nodes/a-1:/etc/labgen:ro
  b-1-network:
    <<: *node
    networks:
      one: {ipv4_address: 10.0.0.3, aliases: [b-1]}
    ports: ["8080:80", "127.0.0.1:5353:53/udp"]
    labels: {io.labgen.holds: b-1, io.labgen.published: "80=1"}
    volumes: [./nodes/b-1:/etc/labgen:ro]
  b-1:
    image: vendor/b:1
    network_mode: service:b-1-network
    cap_add: [NET_ADMIN]
    labels: {io.labgen.node: b-1}
  c-1:
    network_mode: none
    labels: {io.labgen.node: c-1}
networks:
  one:
    internal: true
    driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: isolated}
    ipam: {config: [{subnet: 10.0.0.0/28}]}
    labels: {io.labgen.connections: 1 2}
  two:
    driver_opts: {com.docker.network.bridge.enable_icc: "false"}
    ipam: {config: [{subnet: 10.0.0.16/28, gateway: 10.0.0.30}]}
"""


def member(name: str) -> Member:
    return read_compose(SMALL).members[name]


def test_a_node_has_what_it_merges_and_what_it_says() -> None:
    one = member("a-1")
    assert [(at.network, at.address) for at in one.attachments] == [("one", (10 << 24) + 2)]
    assert (one.holder, one.rules, one.line) == ("a-1", "nodes/a-1/firewall.nft", 7)
    assert one.caps == frozenset(), "its own image gives its rights up; only who shares a network is asked"


def test_a_foreign_image_has_its_holders_network() -> None:
    one = member("b-1")
    assert (one.holder, one.rules, *one.caps) == ("b-1-network", "nodes/b-1/firewall.nft", "NET_ADMIN")
    assert [at.address for at in one.attachments] == [(10 << 24) + 3], (
        "what a service says wins over what it merges"
    )
    assert [(port.bind, port.host, port.inside, port.transport) for port in one.published] == [
        ("0.0.0.0", 8080, 80, "tcp"),  # noqa: S104 - what Compose makes of a port without an address
        ("127.0.0.1", 5353, 53, "udp"),
    ]
    assert one.published_rows == "80=1"
    assert read_compose(SMALL).strangers == ()


def test_a_node_without_a_network_is_on_none() -> None:
    assert (member("c-1").attachments, member("c-1").rules) == ((), None)


def test_networks() -> None:
    one, two = read_compose(SMALL).networks.values()
    assert (one.subnet, one.internal, one.gateway, one.among, one.rows) == (
        *("10.0.0.0/28", True, None, True),
        ("1", "2"),
    )
    assert (two.subnet, two.internal, two.gateway, two.among, two.rows) == (
        *("10.0.0.16/28", False, (10 << 24) + 30, False),
        (),
    )


def test_a_gateway_that_nobody_named_is_the_first_address() -> None:
    text = SMALL.replace(
        "driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: isolated}", "driver: bridge"
    )
    assert read_compose(text).networks["one"].gateway == (10 << 24) + 1


@pytest.mark.parametrize("spec", [LabSpec(), LabSpec(firewall=False, images={"api": "vendor/api:1"})])
def test_the_slow_loader_reads_the_same(spec: LabSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libyaml is missing; and both as PyYAML's own composer has it."""
    text = rendered(spec)[COMPOSE]
    quick = read_document(text, COMPOSE)
    monkeypatch.setattr(document_module, "_LOADER", yaml.BaseLoader)
    assert read_document(text, COMPOSE) == quick
    whole = yaml.load(text, Loader=yaml.SafeLoader)
    assert quick.keys() == whole.keys()
    for name, service in whole["services"].items():
        assert quick["services"][name].keys() == service.keys()  # type: ignore[union-attr]


def test_every_key_knows_its_line() -> None:
    found = read_document(SMALL, COMPOSE)
    networks = found["networks"]
    assert isinstance(networks, Block)
    assert SMALL.splitlines()[networks.at("two") - 1] == "  two:"
    assert SMALL.splitlines()[found.at("services") - 1] == "services:"


NEW = [
    (
        "    network_mode: none\n",
        "    network_mode: host\n",
        "which networks service 'c-1' is on",
        "network_mode",
    ),
    ("    network_mode: none\n", "", "which networks service 'c-1' is on", "  c-1:"),
    ("none\n", "none\n    networks: {one: {}}\n", "which networks service 'c-1' is on", "network_mode: none"),
    ("service:b-1-network", "service:nobody", "'b-1' shares the network of 'nobody'", "  b-1:"),
    ("service:b-1-network", "service:b-1", "'b-1' shares the network of 'b-1'", "  b-1:"),
    ("none\n", "none\n    privileged: true\n", "the key 'privileged' of service 'c-1'", "privileged"),
    ("none\n", "none\n    extends: {service: a-1}\n", "the key 'extends' of service 'c-1'", "extends"),
    ("none\n", "none\n    entrypoint: [sh]\n", "the key 'entrypoint' of service 'c-1'", "entrypoint"),
    (
        "none\n",
        "none\n    sysctls: {net.ipv4.ip_forward: '1'}\n",
        "labels or sysctls of service 'c-1'",
        "sysctls",
    ),
    (
        "    network_mode: none",
        "    <<: *node\n    network_mode: none",
        "which networks service 'c-1' is on",
        "mode: none",
    ),
    (
        "{ipv4_address: 10.0.0.2}",
        "{ipv4_address: 10.0.0}",
        "the address of service 'a-1' on 'one'",
        "10.0.0}",
    ),
    ("{ipv4_address: 10.0.0.2}", "{mac_address: x}", "how service 'a-1' is on network 'one'", "mac_address"),
    (
        "    one: {ipv4_address: 10.0.0.2}",
        "    six: {}",
        "the network 'six', which is nowhere",
        "    six: {}",
    ),
    ('"8080:80"', "8000-8010:80", "the published port 8000-8010:80 of service 'b-1-network'", "ports:"),
    ('"8080:80"', "{target: 80}", "the published port {'target': '80'} of service 'b-1-network'", "ports:"),
    (
        "./nodes/b-1:",
        "./nodes/b-1:/etc/labgen:ro, ./b:",
        "hides the rules of 'b-1-network'",
        "volumes: [",
    ),
    ("image: vendor/b:1", "ports: ['1:1']", "'b-1' has ports, but no network", "  b-1:"),
    ("io.labgen.node: c-1", "io.labgen.node: a-1", "a second service of node 'a-1'", "  c-1:"),
    ("internal: true", "internal: maybe", "'internal: maybe' of network 'one'", "internal: maybe"),
    ("internal: true", "external: true", "the key 'external' of network 'one'", "external"),
    ("internal: true", "enable_ipv6: true", "the key 'enable_ipv6' of network 'one'", "enable_ipv6"),
    ("internal: true", "driver: macvlan", "the driver of network 'one'", "driver: macvlan"),
    (
        "isolated}",
        "routed}",
        "'com.docker.network.bridge.gateway_mode_ipv4: routed' of network 'one'",
        "routed",
    ),
    ("[{subnet: 10.0.0.0/28}]", "[]", "which subnet network 'one' has", "ipam: {config: []}"),
    ("10.0.0.0/28", "10.0.0.1/28", "which subnet network 'one' has", "10.0.0.1/28"),
    ("name: labgen-x", "include: [other.yaml]", "the key 'include'", "include"),
    ("name: labgen-x", "name: labgen-x\nname: y", "the key name again", "name: y"),
    ("name: labgen-x", "name: !reset x", "the tag !reset", "!reset"),
    ("name: labgen-x", "name: *nobody", "*nobody, which stands for nothing", "*nobody"),
    (
        "<<: *node\n    labels: {io.labgen.node: a-1}",
        "<<: x",
        "a merge of something that is no mapping",
        "<<: x",
    ),
    ("name: labgen-x", "name: [", "no valid YAML", "KILL"),
]


@pytest.mark.parametrize(("before", "after", "said", "place"), NEW)
def test_what_it_does_not_know_stops_the_proof(before: str, after: str, said: str, place: str) -> None:
    text = SMALL.replace(before, after, 1)
    assert text != SMALL
    with pytest.raises(NotUnderstood) as caught:
        read_compose(text)
    where, _, problem = caught.value.message.partition(": the proof does not understand this: ")
    assert said in problem
    line = text.splitlines()[int(where.removeprefix(f"{COMPOSE}:")) - 1]
    assert place in line, line


@pytest.mark.parametrize("text", ["", "[]", "a: 1\n---\nb: 2\n", "services: []\nnetworks: {}\n", "\t"])
def test_what_is_no_compose_file(text: str) -> None:
    with pytest.raises(NotUnderstood):
        read_compose(text)


def test_a_file_that_is_not_there() -> None:
    from labgen.verify.proof.documented import document
    from labgen.verify.proof.prove import prove
    from tests.unit.plan.specs import CATALOGUE

    with pytest.raises(NotUnderstood) as caught:
        prove({rules("api-1"): ""}, document(CATALOGUE, LabSpec()))
    assert caught.value.message == "compose.yaml: the proof does not understand this: the file is not there"
