"""What passes between a node and what is no node: the host, the world, and everybody on a network."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labgen.verify.proof.clauses import ANYWHERE
from labgen.verify.proof.evaluate import accepted
from labgen.verify.proof.findings import Finding, Kind
from labgen.verify.proof.opened import PUBLISHED, Opened, misnamed, span_text, surplus
from labgen.verify.proof.spans import minus, shared, union
from labgen.verify.proof.view import BROADCAST, NOBODY, cuts, possible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.verify.proof.compose import Attachment, Compose, Member, Network
    from labgen.verify.proof.documented import Documented, Row
    from labgen.verify.proof.evaluate import Passed
    from labgen.verify.proof.spans import Span
    from labgen.verify.proof.view import Direction, View

__all__ = ["outside"]

_NAMED: Final = 3


def outside(compose: Compose, views: Mapping[str, View], documented: Documented) -> Iterator[Finding]:
    """Yield every way out of the lab or into it, but published ports, and each of those that is closed."""
    by_source: dict[str, list[Row]] = {}
    by_destination: dict[str, list[Row]] = {}
    for row in documented.chosen.values():
        if row.transport == "udp":
            by_source.setdefault(row.source, []).append(row)
            by_destination.setdefault(row.destination, []).append(row)
    for node in compose.members.values():
        view = views[node.name]
        networks = [compose.networks[one.network] for one in node.attachments]
        own = [one.address for one in node.attachments if one.address is not None] or [NOBODY]
        yield from _beyond(node, view, own, [one.name for one in networks if not one.internal])
        place = documented.place_of.get(node.name)
        role = place.role if place else ""
        yield from _everybody(node, view, own, by_source.get(role, []), by_destination.get(role, []))
        rows = [row for one in documented.published.get(node.name, ()) for row in one.rows]
        for attachment, network in zip(node.attachments, networks, strict=True):
            if network.gateway is not None:
                found = (
                    one
                    for address in _addresses(attachment, network, view)
                    for one in _host(node, view, network, address, rows)
                )
                yield from dict.fromkeys(found)


def _addresses(attachment: Attachment, network: Network, view: View) -> list[int]:
    """Return the address of a node, or one of each kind that it may get."""
    if attachment.address is not None:
        return [attachment.address]
    return possible(network, cuts((*view.out.rules, *view.into.rules)))


def _beyond(node: Member, view: View, own: list[int], leads: list[str]) -> Iterator[Finding]:
    """Yield what a node's rules accept to or from addresses that are on none of its networks.

    Whether a route leads there or not: without a network that leads out, one of `leads`, no node has a
    default route. Whoever comes in over one comes to a published port, which is looked at elsewhere.
    """
    route = f", and '{leads[0]}' leads there" if leads else ", though none of them leads there"
    for one, spans in _ways(view.out, own, outgoing=True).items():
        opened = Opened.at(node, one.rule)
        text = f"{opened.what} lets it out to {_ranges(spans)}, beyond the node's networks{route}"
        yield Finding(Kind.ESCAPE, text, node.name, "", opened.row, span_text(one), opened.where)
    for one, spans in _ways(view.into, own, outgoing=False).items() if not leads else ():
        opened = Opened.at(node, one.rule)
        text = f"{opened.what} lets it in from {_ranges(spans)}, beyond the node's networks"
        yield Finding(Kind.ESCAPE, text, "outside", node.name, opened.row, span_text(one), opened.where)


def _ways(direction: Direction, own: list[int], *, outgoing: bool) -> dict[Passed, list[Span]]:
    """Return what passes between a node's `own` addresses and those outside, with these."""
    found: dict[Passed, list[Span]] = {}
    for spans in _pieces(direction, outgoing=outgoing):
        for address in own:
            ends = (address, spans[0][0]) if outgoing else (spans[0][0], address)
            for one in accepted(direction.beyond, direction.policy, *ends):
                found.setdefault(one, []).extend(spans)
    return found


def _everybody(
    node: Member, view: View, own: list[int], sends: list[Row], hears: list[Row]
) -> Iterator[Finding]:
    """Yield what a node may send to all on a network, or hears from who has no address, and no row has."""
    # A node's own addresses matter only if a rule for everybody makes a difference between them.
    out = [(one, BROADCAST) for one in own if any(rule.source != ANYWHERE for rule in view.out.special)]
    into = [(NOBODY, one) for one in own if any(rule.destination != ANYWHERE for rule in view.into.special)]
    for way, ends, rows, word in (
        (view.out, [(NOBODY, BROADCAST), *out], sends, "lets it out to everybody on a network"),
        (view.into, [(NOBODY, BROADCAST), *into], hears, "lets it in from who has no address"),
    ):
        # Without any rule the chain is not there, which is a difference of its own.
        found = (accepted(way.special, way.policy, *pair) for pair in ends) if way.special else ()
        passed = list(dict.fromkeys(one for part in found for one in part))
        for piece in surplus(passed, rows):
            opened = Opened.at(node, piece.rule)
            text = f"{opened.what} {word}"
            yield Finding(Kind.ONE_END, text, node.name, "", opened.row, span_text(piece), opened.where)
        for piece, wanted in misnamed(passed, rows):
            opened = Opened.at(node, piece.rule)
            text = f"{opened.what} should name row {wanted}"
            yield Finding(Kind.COMMENT, text, node.name, "", wanted, span_text(piece), opened.where)


def _host(node: Member, view: View, network: Network, address: int, rows: list[Row]) -> Iterator[Finding]:
    """Yield what passes between a node and the host, and over a network that leads out, the world."""
    gateway = network.gateway or 0
    for one in view.out.on(network.name, address, gateway):
        opened = Opened.at(node, one.rule)
        text = f"{opened.what} lets it out to the host's address on network '{network.name}'"
        yield Finding(Kind.ESCAPE, text, node.name, "host", opened.row, span_text(one), opened.where)
    if network.internal:
        passed = view.into.on(network.name, gateway, address)
        yield from _let_in(node, passed, [], f"from the host on network '{network.name}'")
        return
    for sender in (gateway, *(spans[0][0] for spans in _pieces(view.into, outgoing=False))):
        passed = accepted(view.into.rules, view.into.policy, sender, address)
        yield from _let_in(node, passed, rows, "from outside")
        yield from _closed(node, passed, rows)


def _let_in(node: Member, passed: Iterable[Passed], rows: list[Row], word: str) -> Iterator[Finding]:
    for piece in surplus(passed, rows):
        opened = Opened.at(node, piece.rule)
        text = f"{opened.what} lets it in {word}"
        yield Finding(Kind.ESCAPE, text, "outside", node.name, opened.row, span_text(piece), opened.where)
    for piece, wanted in misnamed(passed, rows, PUBLISHED):
        opened = Opened.at(node, piece.rule)
        text = f'{opened.what} should be of "{PUBLISHED} {wanted}"'
        yield Finding(Kind.COMMENT, text, "outside", node.name, wanted, span_text(piece), opened.where)


def _closed(node: Member, passed: Iterable[Passed], rows: list[Row]) -> Iterator[Finding]:
    passed = list(passed)
    for row in rows:
        spans = [(one.first, one.last) for one in passed if one.transport == row.transport]
        if minus([(row.first, row.last)], spans):
            text = f"does not pass: {node.rules} does not let the published port in"
            yield Finding(Kind.MISSING, text, "outside", node.name, row.id, row.ports)


def _pieces(direction: Direction, *, outgoing: bool) -> list[list[Span]]:
    """Return the addresses outside for which something may be accepted, in parts that no rule tells apart."""
    if not direction.outside:
        return []
    cuts = {ANYWHERE[0], ANYWHERE[1] + 1}
    for rule in direction.beyond:
        first, last = rule.destination if outgoing else rule.source
        cuts |= {first, last + 1}
    parts = (shared(direction.outside, first, last - 1) for first, last in pairwise(sorted(cuts)))
    return [part for part in parts if part]


def _ranges(spans: Iterable[Span]) -> str:
    joined = union(spans)
    texts = [
        str(IPv4Address(one)) if one == two else f"{IPv4Address(one)}-{IPv4Address(two)}"
        for one, two in joined
    ]
    return ", ".join(texts[:_NAMED]) + (
        f" and {len(texts) - _NAMED} blocks more" if len(texts) > _NAMED else ""
    )
