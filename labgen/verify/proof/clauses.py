"""Reads one rule: matches, a verdict, a comment; every word of it understood or refused (nft(8))."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, Final

from labgen.verify.proof.faults import NotUnderstood

if TYPE_CHECKING:
    from labgen.verify.proof.spans import Span

__all__ = ["ANYWHERE", "OTHER", "PORTS", "TRANSPORTS", "VRRP", "VRRP_SPAN", "Rule", "read_rule"]

TRANSPORTS: Final = ("tcp", "udp")
#: A protocol of its own, without ports: its number stands in for one, by both of its names.
VRRP: Final = "vrrp"
VRRP_SPAN: Final = (112, 112)
_VRRP_NAMES: Final = {"112", "vrrp"}
#: Every protocol that is none of these; it has no ports, and stands with the span (0, 0).
OTHER: Final = "other"
PORTS: Final = (1, 65535)
ANYWHERE: Final = (0, 2**32 - 1)
_STATES: Final = {"established", "related", "new", "invalid", "untracked"}
_ICMP: Final = {"admin-prohibited", "port-unreachable", "host-unreachable", "no-route"}
_BLOCK: Final = re.compile(r"[\d.]+(/\d+|-[\d.]+)?")
_LOOPBACK: Final = {"output": ("oif", "oifname"), "input": ("iif", "iifname")}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Addresses are numbers; `transport` and `states` are empty where the rule does not ask."""

    verdict: str
    source: Span = ANYWHERE
    destination: Span = ANYWHERE
    transport: str = ""
    ports: Span = PORTS
    loopback: bool = False
    states: frozenset[str] = frozenset()
    comment: str = ""
    line: int = field(default=0, compare=False)

    @property
    def opening(self) -> bool:
        """Whether the rule can decide about the first packet of a connection between two machines."""
        return not self.loopback and (not self.states or "new" in self.states)


class _Unknown(Exception):
    """A word that has no meaning here."""


def read_rule(words: list[str], hook: str, file: str, line: int) -> Rule:
    """Return the rule that `words` are, in a chain of `hook`. Raises NotUnderstood."""
    try:
        return _rule(words, hook, line)
    except (_Unknown, ValueError):
        raise NotUnderstood(file, line, f"'{' '.join(words)}'") from None


def _rule(words: list[str], hook: str, line: int) -> Rule:
    found: dict[str, Any] = {}
    rest = words
    while rest and rest[0] not in {"counter", "accept", "drop", "reject"}:
        facts, used = _match(rest, hook)
        if found.keys() & facts.keys():
            raise _Unknown  # two matches of one kind
        found |= facts
        rest = rest[used:]
    verdict, comment = _verdict(rest, found.get("transport", ""))
    return Rule(verdict=verdict, comment=comment, line=line, **found)


def _match(words: list[str], hook: str) -> tuple[dict[str, Any], int]:
    """Return what the match at the beginning of `words` asks for, and how many words it takes."""
    match words:
        case ["ip", key, value, *_]:
            return _ip(key, value), 3
        case ["tcp" | "udp" as transport, "dport", ports, *_]:
            return {"transport": transport, "ports": _ports(ports)}, 3
        case ["meta", "l4proto", "tcp" | "udp" as transport, *_]:
            return {"transport": transport}, 3
        case ["ct", "state", states, *_] if _STATES.issuperset(states.split(",")):
            return {"states": frozenset(states.split(","))}, 3
        case [interface, '"lo"' | "lo", *_] if interface in _LOOPBACK[hook]:
            return {"loopback": True}, 2
    raise _Unknown


def _ip(key: str, value: str) -> dict[str, Any]:
    match key:
        case "saddr":
            return {"source": _block(value)}
        case "daddr":
            return {"destination": _block(value)}
        case "protocol" if value in _VRRP_NAMES:
            return {"transport": VRRP}
    raise _Unknown


def _verdict(words: list[str], transport: str) -> tuple[str, str]:
    match words:
        case ["counter", *rest] if rest[:1] != ["counter"]:
            return _verdict(rest, transport)
        case [verdict, "comment", comment] if comment[0] == comment[-1] == '"':
            return _verdict([verdict], transport)[0], comment[1:-1]
        case ["reject", "with", *how, "comment", comment] if comment[0] == comment[-1] == '"':
            return _verdict(["reject", "with", *how], transport)[0], comment[1:-1]
        case ["accept" | "drop" | "reject" as verdict]:
            return verdict, ""
        case ["reject", "with", "tcp", "reset"] if transport == "tcp":
            return "reject", ""
        case ["reject", "with", "icmpx" | "icmp", *word, kind] if word in ([], ["type"]) and kind in _ICMP:
            return "reject", ""
    raise _Unknown


@lru_cache(maxsize=2**16)
def _block(text: str) -> Span:
    if not _BLOCK.fullmatch(text):
        raise _Unknown
    first, dash, last = text.partition("-")
    if dash:
        span = int(IPv4Address(first)), int(IPv4Address(last))
        if span[0] > span[1]:
            raise _Unknown
        return span
    # nft takes an address with bits beyond its prefix, and leaves them out.
    network = IPv4Network(text, strict=False)
    return int(network.network_address), int(network.broadcast_address)


@lru_cache(maxsize=2**12)
def _ports(text: str) -> Span:
    first, dash, last = text.partition("-")
    span = int(first), int(last) if dash else int(first)
    if not (first.isdecimal() and 0 <= span[0] <= span[1] <= PORTS[1]):
        raise _Unknown
    return span
