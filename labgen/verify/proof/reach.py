"""Who reaches whom: two nodes on one network, where one's output and the other's input chain let it pass.

Nodes that all rules on a network treat alike are one group, so the work grows with the nodes and not with
their pairs. `reachable` writes the pairs out.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from labgen.verify.proof.evaluate import Passed, accepted, both
from labgen.verify.proof.view import BROADCAST, NOBODY, View, cuts, make_view, possible

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from labgen.verify.proof.compose import Attachment, Compose, Member, Network
    from labgen.verify.proof.nft import RuleSet

__all__ = ["Crossing", "Group", "Reached", "crossings", "reachable", "views_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Members of a network that no rule on it tells apart; `address` is one of theirs.

    `fixed` is false for those whose address the engine chooses: they are in several groups, one for each
    kind of address that they may get.
    """

    members: tuple[str, ...]
    address: int
    view: View
    fixed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """From one group to another, or to its own other members, over one network.

    `out` passes the sources' output chains, `into` the destinations' input chains, each by itself; `aloud` is
    what of UDP passes both ends as a packet to everybody on the network, `nameless` what of that even without
    an address, as a DHCP client sends it (0.0.0.0; RFC 2131, 4.1).
    """

    network: Network
    source: Group
    destination: Group
    out: tuple[Passed, ...]
    into: tuple[Passed, ...]
    aloud: tuple[tuple[Passed, Passed], ...]
    nameless: tuple[Passed, ...]

    @property
    def through(self) -> list[tuple[Passed, Passed]]:
        """What passes both ends, by address or to everybody, with the rule of either end."""
        return [*both(self.out, self.into), *self.aloud]


class Reached(NamedTuple):
    """One thing that passes: ports between two nodes, and the comments of the rules that let it."""

    source: str
    destination: str
    transport: str
    first: int
    last: int
    out: str
    into: str


def views_of(compose: Compose, rules: Mapping[str, RuleSet | None]) -> dict[str, View]:
    """Return each node's view; nodes with the same rules on the same networks share one.

    `rules` holds each node's rule set, None for a node that has none and so lets everything pass.
    """
    known: dict[tuple[int, tuple[str, ...]], View] = {}
    found = {}
    for node in compose.members.values():
        own = rules[node.name]
        names = tuple(sorted({one.network for one in node.attachments}))
        key = (id(own), names)
        if key not in known:
            ends = (own.output, own.input) if own else (None, None)
            known[key] = make_view(*ends, [compose.networks[name] for name in names])
        found[node.name] = known[key]
    return found


def crossings(
    compose: Compose, views: Mapping[str, View], kind: Callable[[str], Hashable]
) -> Iterator[Crossing]:
    """Yield every two groups of every network; only nodes of one `kind` are put into one group."""
    on: dict[str, list[tuple[Member, Attachment]]] = {name: [] for name in compose.networks}
    for member in compose.members.values():
        for one in member.attachments:
            on[one.network].append((member, one))
    for name, members in on.items():
        network = compose.networks[name]
        groups = _groups(network, members, views, kind)
        for source in groups:
            for destination in groups:
                yield _crossing(network, source, destination)


def _groups(
    network: Network,
    members: Iterable[tuple[Member, Attachment]],
    views: Mapping[str, View],
    kind: Callable[[str], Hashable],
) -> list[Group]:
    members = list(members)
    points = _cuts(network, {id(view): view for view in (views[one.name] for one, _ in members)}.values())
    found: dict[Hashable, tuple[list[str], int, View, bool]] = {}
    for member, attachment in members:
        view = views[member.name]
        if attachment.address is not None:
            places = [(attachment.address, bisect_right(points, attachment.address))]
        else:
            places = [(one, bisect_right(points, one)) for one in possible(network, points)]
        for address, part in places:
            fixed = attachment.address is not None
            key = (id(view), kind(member.name), part, fixed)
            found.setdefault(key, ([], address, view, fixed))[0].append(member.name)
    return [Group(tuple(names), address, view, fixed) for names, address, view, fixed in found.values()]


def _cuts(network: Network, views: Iterable[View]) -> list[int]:
    """Return every address of `network` where some rule's block begins, or has just ended."""
    points: set[int] = set()
    for view in views:
        for way in (view.out, view.into):
            points.update(cuts(way.networks[network.name]), cuts(way.special))
    return sorted(one for one in points if network.first < one <= network.last)


def _crossing(network: Network, source: Group, destination: Group) -> Crossing:
    here, there = source.address, destination.address
    out = source.view.out.on(network.name, here, there)
    into = destination.view.into.on(network.name, here, there)
    aloud, nameless = _aloud(network, source, destination)
    return Crossing(network, source, destination, out, into, aloud, nameless)


def _aloud(
    network: Network, source: Group, destination: Group
) -> tuple[tuple[tuple[Passed, Passed], ...], tuple[Passed, ...]]:
    """Return what of UDP gets from one to the other as a packet for everybody on the network."""
    sender, receiver = source.view.out, destination.view.into
    ways = [(sender.on(network.name, source.address, network.last), network.last)]
    if source.view.loud:
        ways.append((accepted(sender.special, sender.policy, source.address, BROADCAST), BROADCAST))
    found: list[tuple[Passed, Passed]] = []
    nameless: list[Passed] = []
    for way, address in ways:
        sent = [one for one in way if one.transport == "udp"]
        if sent:
            found += both(sent, receiver.on(network.name, source.address, address))
            strange = both(sent, accepted(receiver.special, receiver.policy, NOBODY, address))
            found += strange
            nameless += [one for one, _ in strange if address == BROADCAST]
    return tuple(found), tuple(nameless)


def reachable(compose: Compose, rules: Mapping[str, RuleSet | None]) -> Iterator[Reached]:
    """Yield all that passes, pair by pair; the same twice where two rules or networks let it."""
    for one in crossings(compose, views_of(compose, rules), lambda _name: None):
        for out, into in one.through:
            comments = (out.rule.comment if out.rule else "", into.rule.comment if into.rule else "")
            for source in one.source.members:
                for destination in one.destination.members:
                    if source != destination:
                        yield Reached(source, destination, out.transport, out.first, out.last, *comments)
