"""What passes against what is documented, group by group.

Each end is compared by itself: what one end refuses may still be open at the other, and that is a difference
too. So both chains of every node are proved, not only the two of them together.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from labgen.verify.proof.findings import Finding, Kind
from labgen.verify.proof.opened import Opened, misnamed, span_text, surplus
from labgen.verify.proof.spans import minus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.verify.proof.compose import Member
    from labgen.verify.proof.documented import Documented, Place, Row
    from labgen.verify.proof.evaluate import Passed
    from labgen.verify.proof.reach import Crossing

__all__ = ["Comparison"]

_Pair = tuple[str, str]


class _Part(NamedTuple):
    """Nodes between which a row passes, or, when `refused` says why not, is refused.

    `strange`: neither end lets it pass, for the row is realised on another of the networks that they share.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    refused: str
    strange: bool = False


class Comparison:
    """Takes every crossing, then says what is missing, and counts what is not."""

    def __init__(self, documented: Documented, members: Mapping[str, Member]) -> None:
        self._documented = documented
        self._members = members
        self._expected: dict[tuple[Row, ...], set[tuple[str, int, int, str]]] = {}
        self._whole: set[tuple[Place, Place]] = set()
        self._parts: dict[tuple[Place, Place, Row], list[_Part]] = defaultdict(list)
        self._beside: set[_Pair] = set()
        self.rows: set[str] = set()
        self.connections = 0
        self.reachable = 0

    def take(self, one: Crossing) -> Iterator[Finding]:
        """Yield what is open at `one` and not documented; remember what passes."""
        here = self._documented.place_of.get(one.source.members[0])
        there = self._documented.place_of.get(one.destination.members[0])
        rows = self._documented.between(here, there)
        if not self._exactly(one, rows):
            if self._documented.firewall:
                yield from self._surplus(one, rows)
            if here and there:
                for row in rows:
                    refused = self._refused(one, row)
                    ends = one.source.members, one.destination.members
                    passes = _spans((*one.out, *one.into), row.transport)
                    strange = minus([(row.first, row.last)], passes) == [(row.first, row.last)]
                    part = _Part(*ends, refused, strange=strange)
                    self._parts[here, there, row].append(part)
            if one.through:
                self._beside.update(_pairs(one.source.members, one.destination.members))
        elif here and there and rows:
            sources, destinations = one.source.members, one.destination.members
            nodes = self._documented.nodes
            if (len(sources), len(destinations)) == (len(nodes[here]), len(nodes[there])):
                self._whole.add((here, there))
            else:
                for row in rows:
                    self._parts[here, there, row].append(_Part(sources, destinations, ""))
                self._beside.update(_pairs(sources, destinations))

    def missing(self) -> Iterator[Finding]:
        """Yield every row that does not pass between nodes that it joins, once all crossings are taken."""
        for here, there, rows in self._documented.pairs():
            sources, destinations = self._documented.nodes[here], self._documented.nodes[there]
            count = len(sources) * len(destinations) - (len(sources) if here == there else 0)
            if (here, there) in self._whole:
                self._beside.difference_update(_pairs(sources, destinations) if self._beside else ())
                self.reachable += count
                self._count(rows, count)
            elif count:
                for row in rows:
                    yield from self._lacking(here, there, row, _pairs(sources, destinations))
        self.reachable += len(self._beside)

    def _count(self, rows: Iterable[Row], count: int) -> None:
        for row in rows if count else ():
            self.rows.add(row.id)
            self.connections += count

    def _exactly(self, one: Crossing, rows: tuple[Row, ...]) -> bool:
        """Whether both ends pass `rows` and nothing else, each by its name: the usual case, quickly."""
        expected = self._expected.get(rows)
        if expected is None:
            expected = {(row.transport, row.first, row.last, row.id) for row in rows}
            self._expected[rows] = expected
        return (
            one.network.among
            and one.source.fixed
            and one.destination.fixed
            and _named(one.out) == expected == _named(one.into)
            and {span[:3] for span in expected if span[0] == "udp"}
            == {sent[:3] for sent, _ in one.aloud}
            == {sent[:3] for sent in one.nameless}
        )

    def _surplus(self, one: Crossing, rows: tuple[Row, ...]) -> Iterator[Finding]:
        """Yield what passes both ends, then what only one end would let pass, then wrong names."""
        source, destination, count = _example(one)
        sender, receiver = self._members[source], self._members[destination]
        gone: list[Passed] = []
        for sent, heard in one.through if count else ():
            for piece in surplus([sent], rows):
                gone.append(piece)
                out, into = Opened.at(sender, sent.rule), Opened.at(receiver, heard.rule)
                text = f"passes by {out.what} and {into.what} at {into.where}"
                ports = span_text(piece)
                yield Finding(Kind.EXTRA, text, source, destination, out.row, ports, out.where, count)
        # On the network that leads out a published port is open to everybody: `outside` looks at it.
        ends = [(sender, one.out, "lets it out")]
        ends += [(receiver, one.into, "lets it in")] if one.network.internal else []
        tail = "; only the other end refuses it" if count else ", also to its own address"
        for node, passed, way in ends:
            for piece in surplus(surplus(passed, rows), gone):
                opened = Opened.at(node, piece.rule)
                text = f"{opened.what} {way}{tail}"
                ports = span_text(piece)
                yield Finding(Kind.ONE_END, text, source, destination, opened.row, ports, opened.where, count)
            for piece, wanted in misnamed(passed, rows):
                opened = Opened.at(node, piece.rule)
                text = f"{opened.what} should name row {wanted}"
                ports = span_text(piece)
                yield Finding(Kind.COMMENT, text, source, destination, wanted, ports, opened.where, count)

    def _refused(self, one: Crossing, row: Row) -> str:
        """Return why `row` does not pass at `one`, or nothing."""
        if not (one.source.fixed and one.destination.fixed):
            return "an end has no address of its own"
        if not one.network.among:
            return f"network '{one.network.name}' keeps its members apart (enable_icc)"
        span = [(row.first, row.last)]
        for passed, word, member in (
            (one.out, "out", one.source.members[0]),
            (one.into, "in", one.destination.members[0]),
        ):
            if minus(span, _spans(passed, row.transport)):
                return f"{self._members[member].rules} does not let it {word}"
        if row.transport == "udp" and minus(span, _spans(one.nameless, "udp")):
            return "not from who has no address yet to everybody on the network"
        return ""

    def _lacking(self, here: Place, there: Place, row: Row, pairs: set[_Pair]) -> Iterator[Finding]:
        # Peers meet on their clients' links as well, and are told about their own.
        parts = sorted(self._parts.get((here, there, row), ()), key=lambda part: part.strange)
        left = set(pairs)
        for part in parts:
            if not part.refused:
                left -= _pairs(part.sources, part.destinations)
        self._count([row], len(pairs) - len(left))
        for part in parts:
            refused = left & _pairs(part.sources, part.destinations)
            if refused:
                left -= refused
                yield _missing(row, refused, f"does not pass: {part.refused}")
        if left:
            yield _missing(row, left, "does not pass: the two share no network")


def _missing(row: Row, pairs: set[_Pair], text: str) -> Finding:
    return Finding(Kind.MISSING, text, *min(pairs), row.id, row.ports, "", len(pairs))


def _pairs(sources: Iterable[str], destinations: Iterable[str]) -> set[_Pair]:
    return {(one, other) for one, other in product(sources, destinations) if one != other}


def _example(one: Crossing) -> tuple[str, str, int]:
    """Return two nodes that `one` is about, and how many such pairs there are; none: a node and itself."""
    sources, destinations = one.source.members, one.destination.members
    count = len(sources) * len(destinations) - len({*sources} & {*destinations})
    for pair in product(sources[:2], destinations[:2]):
        if pair[0] != pair[1]:
            return *pair, count
    return sources[0], sources[0], 0


def _named(passed: Iterable[Passed]) -> set[tuple[str, int, int, str]]:
    return {(one.transport, one.first, one.last, one.rule.comment if one.rule else "") for one in passed}


def _spans(passed: Iterable[Passed], transport: str) -> list[tuple[int, int]]:
    return [(one.first, one.last) for one in passed if one.transport == transport]
