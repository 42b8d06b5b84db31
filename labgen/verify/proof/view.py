"""One node's rules, sorted by the network that they decide about: an index, so that no pair reads all rules.

Each list keeps the order of its chain, so the first match in it is the first match of the whole chain.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.verify.proof.clauses import ANYWHERE
from labgen.verify.proof.evaluate import accepted
from labgen.verify.proof.spans import minus, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labgen.verify.proof.clauses import Rule
    from labgen.verify.proof.compose import Network
    from labgen.verify.proof.evaluate import Passed
    from labgen.verify.proof.nft import Chain
    from labgen.verify.proof.spans import Span

__all__ = ["BROADCAST", "NOBODY", "Direction", "View", "cuts", "make_view", "possible"]

#: Where a packet for everybody on a link goes, and where one comes from that has no address yet.
BROADCAST: Final = ANYWHERE[1]
NOBODY: Final = 0


@dataclass(frozen=True, slots=True)
class Direction:
    """One chain. `networks` holds the rules that can decide about each network.

    `special` are those that can decide about everybody on a network, `outside` the addresses beyond the
    networks for which something may be accepted, `beyond` the rules that can decide about these.
    """

    policy: str
    rules: tuple[Rule, ...]
    networks: Mapping[str, tuple[Rule, ...]]
    special: tuple[Rule, ...]
    outside: tuple[Span, ...]
    beyond: tuple[Rule, ...]

    def on(self, network: str, source: int, destination: int) -> tuple[Passed, ...]:
        """Return what passes between two addresses of which the other one's is on `network`."""
        return accepted(self.networks[network], self.policy, source, destination)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Both chains of all nodes that have these rules and these networks."""

    out: Direction
    into: Direction
    loud: bool  # something may be sent to everybody on a network


def make_view(output: Chain | None, input_: Chain | None, networks: Sequence[Network]) -> View:
    """Return the view of nodes on `networks`; a chain of None lets everything pass."""
    ordered = sorted(networks, key=lambda one: one.first)
    out = _direction(output, ordered, outgoing=True)
    into = _direction(input_, ordered, outgoing=False)
    loud = out.policy == "accept" or any(rule.verdict == "accept" for rule in out.special)
    return View(out, into, loud)


def _direction(chain: Chain | None, networks: Sequence[Network], *, outgoing: bool) -> Direction:
    # Everybody on a network is one address to send to; who has none yet sends from another one.
    special = BROADCAST if outgoing else NOBODY
    if chain is None:
        return Direction("accept", (), dict.fromkeys((one.name for one in networks), ()), (), (ANYWHERE,), ())
    rules = tuple(rule for rule in chain.rules if rule.opening)
    firsts = [one.first for one in networks]
    found: list[list[Rule]] = [[] for _ in networks]
    odd: list[Rule] = []
    outside: list[Span] = [ANYWHERE] if chain.policy == "accept" else []
    beyond: list[Rule] = []
    for rule in rules:
        low, high = rule.destination if outgoing else rule.source
        at = max(bisect_right(firsts, low) - 1, 0)
        near = []
        while at < len(networks) and firsts[at] <= high:
            if networks[at].last >= low:
                found[at].append(rule)
                near.append((networks[at].first, networks[at].last))
            at += 1
        if low <= special <= high:
            odd.append(rule)
            near.append((special, special))
        if left := minus([(low, high)], near):
            beyond.append(rule)
            outside += left if rule.verdict == "accept" else []
    return Direction(
        chain.policy,
        rules,
        {one.name: tuple(part) for one, part in zip(networks, found, strict=True)},
        tuple(odd),
        tuple(minus(union(outside), [(one.first, one.last) for one in networks])),
        tuple(beyond),
    )


def cuts(rules: Iterable[Rule]) -> set[int]:
    """Return every address at which a block of one of `rules` begins, or has just ended."""
    return {
        end for rule in rules for first, last in (rule.source, rule.destination) for end in (first, last + 1)
    }


def possible(network: Network, points: Iterable[int]) -> list[int]:
    """Return one of each kind of address that the engine may choose on `network`, cut at `points`."""
    first = network.first + 1
    return [first, *sorted(one for one in points if first < one < network.last)]
