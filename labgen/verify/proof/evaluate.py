"""Evaluates chains over whole port spans: what a new connection between two addresses gets.

The first rule that matches decides, as nft(8) has it. A rule for the loopback interface never matches between
two machines, and one for known connections never matches the first packet of a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from labgen.verify.proof.clauses import (
    ANYWHERE,
    OTHER,
    PORTS,
    TRANSPORTS,
    VRRP,
    VRRP_SPAN,
    Rule,
)
from labgen.verify.proof.spans import minus, shared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.verify.proof.nft import Chain
    from labgen.verify.proof.spans import Span

__all__ = ["Passed", "accepted", "both", "frame_faults"]

_SPANS: Final = {**dict.fromkeys(TRANSPORTS, PORTS), VRRP: VRRP_SPAN, OTHER: (0, 0)}


class Passed(NamedTuple):
    """A span of ports that passes, and the rule that lets it; None stands for the policy, or for no chain."""

    transport: str
    first: int
    last: int
    rule: Rule | None


def accepted(rules: Iterable[Rule], policy: str, source: int, destination: int) -> tuple[Passed, ...]:
    """Return all that passes from `source` to `destination` through a chain of `rules` and `policy`."""
    undecided: dict[str, list[Span]] = {one: [span] for one, span in _SPANS.items()}
    found: list[Passed] = []
    for rule in rules:
        if not (
            rule.opening
            and rule.source[0] <= source <= rule.source[1]
            and rule.destination[0] <= destination <= rule.destination[1]
        ):
            continue
        for transport in (rule.transport,) if rule.transport else _SPANS:
            spans = undecided[transport]
            taken = spans if transport == OTHER else shared(spans, *rule.ports)
            if taken:
                undecided[transport] = minus(spans, taken)
                if rule.verdict == "accept":
                    found += [Passed(transport, first, last, rule) for first, last in taken]
        if not any(undecided.values()):
            return tuple(found)
    if policy == "accept":
        found += [Passed(name, *span, None) for name, spans in undecided.items() for span in spans]
    return tuple(found)


def both(out: Iterable[Passed], into: Iterable[Passed]) -> list[tuple[Passed, Passed]]:
    """Return what passes at both ends: the same span twice, with the rule of either end."""
    return [
        (Passed(one.transport, first, last, one.rule), Passed(one.transport, first, last, two.rule))
        for one in out
        for two in into
        if one.transport == two.transport
        for first, last in shared([(one.first, one.last)], two.first, two.last)
    ]


def frame_faults(chain: Chain) -> list[tuple[int, str]]:
    """Return (line, what is wrong) where a chain does not refuse by default, or breaks what is allowed.

    Answers to a connection that passed have to pass too, and so has the loopback interface, which has the
    engine's resolver.
    """
    faults = [] if chain.policy == "drop" else [(chain.line, f"the policy is {chain.policy}, not drop")]
    if not _passes(chain, loopback=True):
        faults.append((chain.line, "the loopback interface does not pass, and with it no name is found"))
    if not _passes(chain, loopback=False):
        faults.append((chain.line, "answers do not pass: no documented connection works"))
    return faults


def _passes(chain: Chain, *, loopback: bool) -> bool:
    """Whether all packets of that kind are accepted before any rule could refuse some of them."""
    for rule in chain.rules:
        if not loopback and (rule.loopback or (rule.states and "established" not in rule.states)):
            continue  # it matches none of them
        if rule.verdict != "accept":
            return False
        whole = (rule.source, rule.destination, rule.transport) == (ANYWHERE, ANYWHERE, "")
        if whole and rule.ports == PORTS and not (loopback and rule.states):
            return True
    return chain.policy == "accept"
