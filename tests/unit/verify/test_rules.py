"""Rules in force against rules rendered: what differs, and what is only written otherwise."""

from __future__ import annotations

from labgen.verify.rules import rule_faults

RENDERED = """\
table inet labgen {
    chain inbound {
        tcp dport 80 accept comment "3"
        meta l4proto tcp reject with tcp reset
    }
}
"""


def test_protocols_may_be_listed_by_their_numbers() -> None:
    assert rule_faults(RENDERED, RENDERED.replace("l4proto tcp", "l4proto 6")) == []


def test_another_protocol_is_another_rule() -> None:
    assert rule_faults(RENDERED, RENDERED.replace("l4proto tcp", "l4proto 17")) == [
        ("meta l4proto tcp reject with tcp reset", "is not in force", ""),
        ("meta l4proto udp reject with tcp reset", "was not rendered", ""),
    ]


def test_numbers_elsewhere_stay_as_they_are() -> None:
    found = rule_faults(RENDERED, RENDERED.replace("dport 80", "dport 6"))
    assert found == [
        ('tcp dport 80 accept comment "3"', "is not in force", "3"),
        ('tcp dport 6 accept comment "3"', "was not rendered", "3"),
    ]
