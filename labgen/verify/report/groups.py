"""Differences that are alike, put together: one node that is stopped makes many."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.verify.report.wording import KINDS
from labgen.verify.table import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labgen.verify.table import Difference

__all__ = ["Group", "grouped", "shown"]

#: What a node that does not run brings with it. Nothing that is open where it should not be is among it:
#: that is never put under anything else.
_BROUGHT: Final = frozenset({Kind.CONNECTION, Kind.NAME, Kind.NETWORK, Kind.RULES, Kind.PROBE})
#: So many alike are told together; of fewer, each is told by itself.
_MANY: Final = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Differences of one kind that read alike. `at_it`: what a node that does not run brings with it."""

    differences: tuple[Difference, ...]
    at_it: tuple[Difference, ...] = ()

    @property
    def first(self) -> Difference:
        """The one to show."""
        return self.differences[0]

    @property
    def rows(self) -> str:
        """The document rows that they are about, each once; empty for none."""
        ids = (row for one in self.differences for row in one.connection.split())
        return " ".join(dict.fromkeys(ids))

    @property
    def size(self) -> int:
        """How many differences there are in it."""
        return len(self.differences) + len(self.at_it)


def grouped(differences: Sequence[Difference]) -> list[Group]:
    """Return `differences` in groups, in the order of KINDS; each is in exactly one."""
    down = {one.source: one for one in differences if one.kind is Kind.NODE}
    at_it: dict[str, list[Difference]] = defaultdict(list)
    alike: dict[tuple[Kind, str, str], list[Difference]] = defaultdict(list)
    for one in differences:
        node = next((name for name in (one.source, one.destination) if name in down), None)
        if node is not None and one.kind in _BROUGHT:
            at_it[node].append(one)
        else:
            alike[one.kind, one.expected, one.found].append(one)
    order = list(KINDS)
    keys = sorted(alike, key=lambda key: order.index(key[0]))
    found = [group for key in keys for group in _ends(alike[key])]
    return [
        Group(differences, tuple(brought for one in differences for brought in at_it.pop(one.source, ())))
        if differences[0].kind is Kind.NODE
        else Group(differences)
        for differences in found
    ]


def _ends(alike: Sequence[Difference]) -> Iterator[tuple[Difference, ...]]:
    """Split what reads alike by the end it has in common, the most frequent first."""
    # What has no destination is alike when the same was asked.
    rest = [(one.source, (one.destination, "" if one.destination else one.question), one) for one in alike]
    while rest:
        source, many = Counter(one for one, _, _ in rest).most_common(1)[0]
        target, more = Counter(one for _, one, _ in rest).most_common(1)[0]
        taken = [entry[1] == target if more >= many else entry[0] == source for entry in rest]
        group = tuple(one for (_, _, one), is_taken in zip(rest, taken, strict=True) if is_taken)
        yield from [group] if len(group) >= _MANY else [(one,) for one in group]
        rest = [entry for entry, is_taken in zip(rest, taken, strict=True) if not is_taken]


def shown(groups: Sequence[Group], most: int) -> list[Group]:
    """Return at most `most` of `groups`, in their order: of each kind some, before any kind gets more."""
    by_kind: dict[Kind, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_kind[group.first.kind].append(index)
    turns = sorted((turn, index) for indices in by_kind.values() for turn, index in enumerate(indices))
    return [groups[index] for index in sorted(index for _, index in turns[:most])]
