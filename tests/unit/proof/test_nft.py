"""Reading rules: every statement that labgen renders, in every spelling; anything else stops the proof."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import pairwise
from random import Random

import pytest

from labgen.errors import LabgenError
from labgen.verify.proof.evaluate import Passed, accepted, frame_faults
from labgen.verify.proof.faults import NotUnderstood
from labgen.verify.proof.nft import Chain, read_rules
from tests.unit.proof.chains import random_packet, random_rules, verdict

HEAD = "table inet labgen {}\ndelete table inet labgen\n"
FILE = "nodes/a-1/firewall.nft"


def rules_of(*lines: str, hook: str = "output", policy: str = "drop") -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return (
        f"{HEAD}table inet labgen {{\n  chain {hook} {{\n"
        f"    type filter hook {hook} priority filter; policy {policy};\n{body}\n  }}\n}}\n"
    )


def chain(*lines: str, hook: str = "output", policy: str = "drop") -> Chain:
    found = read_rules(rules_of(*lines, hook=hook, policy=policy), FILE)
    one = found.output if hook == "output" else found.input
    assert one
    return one


def passes(one: Chain, source: str, destination: str) -> set[tuple[str, int, int]]:
    ends = int(IPv4Address(source)), int(IPv4Address(destination))
    return {passed[:3] for passed in accepted(one.rules, one.policy, *ends)}


def test_the_first_rule_that_matches_decides() -> None:
    one = chain(
        "tcp dport 80 drop",
        "ip daddr 10.0.0.0/29 tcp dport 79-81 accept",
        "ip daddr 10.0.0.0/24 tcp dport 70-90 reject with tcp reset",
        "tcp dport 1-100 accept",
    )
    assert passes(one, "10.0.0.9", "10.0.0.2") == {
        ("tcp", 79, 79),
        ("tcp", 81, 81),
        ("tcp", 1, 69),
        ("tcp", 91, 100),
    }
    assert passes(one, "10.0.0.9", "10.0.0.9") == {("tcp", 1, 69), ("tcp", 91, 100)}


def test_blocks_are_prefixes_ranges_or_addresses() -> None:
    one = chain(
        "ip daddr 10.0.0.4-10.0.0.6 tcp dport 1 accept",
        "ip daddr 10.0.0.8/30 tcp dport 2 accept",
        "ip daddr 10.0.0.12 tcp dport 3 accept",
        "ip daddr 10.0.0.14/30 tcp dport 4 accept",
    )
    found = {last: passes(one, "10.0.0.1", f"10.0.0.{last}") for last in range(1, 16)}
    ports = {last: {port for _, port, _ in spans} for last, spans in found.items() if spans}
    assert ports == {
        4: {1},
        5: {1},
        6: {1},
        8: {2},
        9: {2},
        10: {2},
        11: {2},
        12: {3, 4},
        13: {4},
        14: {4},
        15: {4},
    }


def test_what_no_rule_decides_the_policy_does() -> None:
    everything = {("tcp", 1, 65535), ("udp", 1, 65535), ("vrrp", 112, 112), ("other", 0, 0)}
    assert passes(chain(policy="accept"), "10.0.0.1", "10.0.0.2") == everything
    assert passes(chain("accept"), "10.0.0.1", "10.0.0.2") == everything
    assert passes(chain(), "10.0.0.1", "10.0.0.2") == set()
    one = chain("meta l4proto tcp reject with tcp reset", policy="accept")
    assert passes(one, "10.0.0.1", "10.0.0.2") == everything - {("tcp", 1, 65535)}


def test_known_connections_and_loopback_are_nobodys_first_packet() -> None:
    one = chain(
        'oif "lo" accept', "oif lo accept", "ct state established,related accept", "ct state invalid drop"
    )
    assert passes(one, "10.0.0.1", "10.0.0.2") == set()
    assert passes(chain("ct state new,established accept"), "10.0.0.1", "10.0.0.2")


def test_a_rule_without_a_protocol_is_for_all_of_them() -> None:
    one = chain("ip saddr 10.0.0.1 accept", hook="input")
    assert ("other", 0, 0) in passes(one, "10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize("hook", ["output", "input"])
def test_random_chains_get_what_a_slow_reader_says(hook: str) -> None:
    """Any order, any verdict, any match, against a reader that goes through the words for each packet."""
    passed = 0
    for seed in range(300):
        rng = Random(f"{hook} {seed}")  # noqa: S311 - to be repeatable
        text = random_rules(rng, hook)
        found = read_rules(text, FILE)
        one = found.output if hook == "output" else found.input
        assert one
        for _ in range(25):
            packet = random_packet(rng)
            spans = accepted(one.rules, one.policy, int(packet.source), int(packet.destination))
            mine = any(s.transport == packet.transport and s.first <= packet.port <= s.last for s in spans)
            assert mine == verdict(text, packet), (seed, packet)
            passed += mine
    assert 1000 < passed < 6500, "most of both outcomes"


def test_spans_that_pass_never_overlap() -> None:
    for seed in range(200):
        rng = Random(seed)  # noqa: S311 - to be repeatable
        found = read_rules(random_rules(rng, "output"), FILE).output
        assert found
        packet = random_packet(rng)
        spans = sorted(accepted(found.rules, found.policy, int(packet.source), int(packet.destination)))
        for one, other in pairwise(spans):
            assert one.transport != other.transport or one.last < other.first


def test_the_rule_that_lets_it_is_named() -> None:
    one = chain('ip daddr 10.0.0.0/29 tcp dport 80 counter accept comment "7"')
    (found,) = accepted(one.rules, one.policy, 0, int(IPv4Address("10.0.0.1")))
    assert isinstance(found, Passed)
    assert found.rule
    assert (found.rule.comment, found.rule.line) == ("7", 6)


UNKNOWN = [
    ("counter counter accept", "'counter counter accept'"),
    ("counter", "'counter'"),
    ("counter packets 1 bytes 2 accept", "'counter packets 1 bytes 2 accept'"),
    ("jump other", "'jump other'"),
    ("ip daddr != 10.0.0.1 accept", "'ip daddr != 10.0.0.1 accept'"),
    ("ip daddr 10.0.0.300 accept", "'ip daddr 10.0.0.300 accept'"),
    ("ip daddr 10.0.0.9-10.0.0.3 accept", "'ip daddr 10.0.0.9-10.0.0.3 accept'"),
    ("ip daddr 10.0.0.0/255.0.0.0 accept", "'ip daddr 10.0.0.0/255.0.0.0 accept'"),
    ("ip daddr 10.0.0.1 ip daddr 10.0.0.2 accept", "'ip daddr 10.0.0.1 ip daddr 10.0.0.2 accept'"),
    ("ip6 daddr ::1 accept", "'ip6 daddr ::1 accept'"),
    ("tcp dport 0x50 accept", "'tcp dport 0x50 accept'"),
    ("tcp dport 90-80 accept", "'tcp dport 90-80 accept'"),
    ("tcp dport 65536 accept", "'tcp dport 65536 accept'"),
    ("tcp dport https accept", "'tcp dport https accept'"),
    ("tcp dport { 80, 81 } accept", "'tcp dport {' at this place"),
    ("tcp sport 80 accept", "'tcp sport 80 accept'"),
    ("tcp dport 80", "'tcp dport 80'"),
    ("tcp dport 80 accept drop", "'tcp dport 80 accept drop'"),
    ("accept tcp dport 80", "'accept tcp dport 80'"),
    ("accept comment 7", "'accept comment 7'"),
    ("udp dport 53 reject with tcp reset", "'udp dport 53 reject with tcp reset'"),
    ("reject with icmpx nonsense", "'reject with icmpx nonsense'"),
    ("meta l4proto sctp accept", "'meta l4proto sctp accept'"),
    ("ip protocol 113 accept", "'ip protocol 113 accept'"),
    ("ip protocol tcp accept", "'ip protocol tcp accept'"),
    ("meta mark 1 accept", "'meta mark 1 accept'"),
    ("ct state strange accept", "'ct state strange accept'"),
    ("iif lo accept", "'iif lo accept'"),
    ('oif "eth0" accept', "'oif \"eth0\" accept'"),
    ('accept comment "7', "'\"7'"),
    ("policy accept", "'policy accept'"),
    ("type filter hook input priority 0", "'type filter hook input priority 0'"),
]


@pytest.mark.parametrize(("line", "said"), UNKNOWN)
def test_what_it_does_not_know_stops_the_proof(line: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read_rules(rules_of("ct state established,related accept", line), FILE)
    assert caught.value.message == f"{FILE}:7: the proof does not understand this: {said}"
    assert (caught.value.exit_code, type(caught.value).__mro__[1]) == (1, LabgenError)
    assert caught.value.hint.startswith("Nothing is proved.")


CHAIN = "  chain output {\n    type filter hook output priority 0; policy drop;\n  }\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 0, "0 tables, not one"),
        (HEAD, 2, "0 tables, not one"),
        ("delete table inet labgen\n", 1, "'delete table inet labgen' at this place"),
        ("flush ruleset\n", 1, "'flush ruleset' at this place"),
        ("table ip labgen {\n}\n", 1, "'table ip labgen {' at this place"),
        (f"table inet labgen {{\n{CHAIN}", 4, "a block that does not end"),
        (f"table inet labgen {{\n{CHAIN}}}\n}}\n", 6, "'}' at this place"),
        (f"table inet labgen {{\n{CHAIN}}}\ntable inet more {{\n}}\n", 7, "2 tables, not one"),
        (f"table inet labgen {{\n{CHAIN}{CHAIN}}}\n", 7, "a second chain for output"),
        ("table inet labgen {\n  set s { type ipv4_addr; }\n}\n", 2, "'set s {' at this place"),
        (
            "table inet labgen {\n  chain other {\n    accept\n  }\n}\n",
            3,
            "'accept' in a chain without a known hook",
        ),
        ("table inet labgen {\n  chain other {\n  }\n}\n", 2, "a chain without a known hook"),
        (
            "table inet labgen {\n  chain f {\n    type filter hook forward priority 0;\n  }\n}\n",
            3,
            "'type filter hook forward priority 0' in a chain without a known hook",
        ),
    ],
)
def test_a_file_of_another_shape_stops_the_proof(text: str, line: int, said: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read_rules(text, FILE)
    place = f"{FILE}:{line}" if line else FILE
    assert caught.value.message == f"{place}: the proof does not understand this: {said}"


def test_other_spellings_mean_the_same() -> None:
    """Older texts, and what `nft` makes of ours: a number as priority, no quotes, one line for all."""
    line = 'ip daddr 10.0.0.0/29 tcp dport 80 accept comment "7"'
    ours = rules_of('oif "lo" accept', line, "reject with icmpx admin-prohibited")
    older = (
        ours.replace("priority filter", "priority 0").replace('"lo"', "lo").replace("icmpx ", "icmpx type ")
    )
    flat = (
        "# a comment\ntable inet labgen { chain output { type filter hook output priority filter; "
        f"policy drop; oif lo accept; {line}; reject; }}}} # the end\n"
    )
    assert read_rules(ours, FILE) == read_rules(older, FILE) == read_rules(flat, FILE)


def test_a_chain_that_is_deleted_is_gone() -> None:
    text = f"table inet labgen {{\n{CHAIN}}}\ndelete table inet labgen\ntable inet labgen {{\n}}\n"
    assert read_rules(text, FILE).output is None


@pytest.mark.parametrize(
    ("lines", "policy", "said"),
    [
        (("oif lo accept", "ct state established,related accept"), "drop", []),
        (("ct state established accept", "oif lo accept"), "drop", []),
        (("accept",), "drop", []),
        (("oif lo accept", "ct state established,related accept"), "accept", ["policy"]),
        ((), "accept", ["policy"]),
        (("oif lo accept",), "drop", ["answers"]),
        (("oif lo accept", "ct state related accept"), "drop", ["answers"]),
        (("oif lo accept", "tcp dport 1 drop", "ct state established accept"), "drop", ["answers"]),
        (("oif lo accept", "ct state established tcp dport 1 accept"), "drop", ["answers"]),
        (("ct state established accept",), "drop", ["loopback"]),
        (("reject", "oif lo accept", "ct state established accept"), "drop", ["loopback", "answers"]),
        (("oif lo tcp dport 80 accept", "ct state established accept"), "drop", ["loopback"]),
    ],
)
def test_a_chain_refuses_by_default_and_lets_answers_pass(
    lines: tuple[str, ...], policy: str, said: list[str]
) -> None:
    faults = frame_faults(chain(*lines, policy=policy))
    assert [
        next(word for word in ("policy", "answers", "loopback") if word in text) for _, text in faults
    ] == said
