"""The rule renderer against three readers: random plans, random packets, one answer.

The readers are the proof's evaluator, the one of the renderer's own tests, and the documents themselves.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from random import Random

import pytest

from labgen.plan.model import LabPlan, Link, Node
from labgen.render.firewall import firewall_of
from labgen.verify.proof.evaluate import accepted
from labgen.verify.proof.nft import Chain, read_rules
from tests.unit.plan.specs import plan_of
from tests.unit.proof.chains import Packet
from tests.unit.proof.chains import verdict as slow_verdict
from tests.unit.proof.labs import random_spec
from tests.unit.render.test_firewall import Packet as OtherPacket
from tests.unit.render.test_firewall import allows, asked_ports, documented

PLANS = 120
PACKETS = 60


def by_proof(chain: Chain | None, packet: Packet) -> bool:
    assert chain
    spans = accepted(chain.rules, chain.policy, int(packet.source), int(packet.destination))
    return any(one.transport == packet.transport and one.first <= packet.port <= one.last for one in spans)


def one_chain(text: str, hook: str) -> str:
    """Return a rule set with only the chain of `hook`, for a reader that knows no more."""
    other = {"input": "output", "output": "input"}[hook]
    before, rest = text.split(f"  chain {other} {{\n")
    return before + rest.split("  }\n", 1)[1]


def random_ends(rng: Random, plan: LabPlan) -> tuple[Node, Node, Packet, Link | None]:
    """Return two nodes, a packet between them or with another address, and their link if it has their own."""
    link = rng.choice(plan.links)
    source, destination = (plan.node_by_name[rng.choice(link.members)] for _ in range(2))
    ends = [
        next(IPv4Address(one.address) for one in node.interfaces if one.link == link.name)
        for node in (source, destination)
    ]
    own = source is not destination and rng.random() < 0.7
    if not own:
        elsewhere = rng.choice(plan.links).subnet
        ends[rng.randrange(2)] = elsewhere[rng.randrange(elsewhere.num_addresses)]
    rows = [plan.connection_by_id[one] for one in link.connections]
    likely = [(row.transport, port) for row in rows for port in (row.port, row.last_port or row.port)]
    transport, port = rng.choice([*likely, rng.choice(sorted(asked_ports(plan)))])
    if transport != "vrrp" and rng.random() < 0.3:
        port = rng.choice([min(port + 1, 65535), max(port - 1, 1), rng.randint(1, 65535)])
    return source, destination, Packet(ends[0], ends[1], transport, port), link if own else None


@pytest.mark.parametrize("part", range(4))
def test_three_readers_of_the_rules_agree(part: int) -> None:
    passed = 0
    for seed in range(part, PLANS, 4):
        rng = Random(f"rules {seed}")  # noqa: S311 - to be repeatable
        plan = plan_of(random_spec(rng))
        texts = {node.name: firewall_of(plan, node) for node in plan.nodes}
        for _ in range(PACKETS if plan.links else 0):
            source, destination, packet, link = random_ends(rng, plan)
            answers = []
            for node, hook in ((source, "output"), (destination, "input")):
                text = texts[node.name]
                rules = read_rules(text, node.name)
                other = OtherPacket(packet.source, packet.destination, packet.transport, packet.port)
                answer = by_proof(rules.output if hook == "output" else rules.input, packet)
                assert answer == bool(allows(text, hook, other)), (seed, node.name, hook, packet)
                assert answer == slow_verdict(one_chain(text, hook), packet), (seed, node.name, hook, packet)
                answers.append(answer)
            if link:
                expected = documented(plan, link, source, destination, packet.transport, packet.port)
                assert answers == [expected, expected], (seed, source.name, destination.name, packet)
                passed += expected
    assert passed > 60, "many of them pass"
