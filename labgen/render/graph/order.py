"""Which of the wires in one stretch runs before which: so that they cross each other as little as can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NEAR", "Strand", "crossings", "overlap", "tracks_of"]

_OVERLAP: Final = 40  # two wires on top of each other are as bad as so many crossings
_ROUNDS: Final = 8
_APART: Final = 8  # pixels between two wires that share a track
NEAR: Final = 4  # pixels at which two wires look like one


@dataclass(frozen=True, slots=True)
class Strand:
    """A wire in a stretch: where it turns off before it (left, up) and behind it (right, down).

    It runs from `low` to `high` now; `start` and `end` are where it may once its neighbours have moved.
    """

    before: tuple[int, ...]
    behind: tuple[int, ...]
    low: int
    high: int
    start: int
    end: int


def tracks_of(strands: Sequence[Strand]) -> list[int]:
    """Return the track of each strand, from 0. Strands that are nowhere beside each other may share one."""
    order = _order(strands)
    tracks = [0] * len(strands)
    placed: list[int] = []
    for one in order:
        mine = strands[one]
        tracks[one] = max(
            (
                tracks[other] + 1
                for other in placed
                if strands[other].start < mine.end + _APART and mine.start < strands[other].end + _APART
            ),
            default=0,
        )
        placed.append(one)
    return tracks


def _order(strands: Sequence[Strand]) -> list[int]:
    """Move one strand after another to its best place among the others, until nothing is won by it."""
    order = sorted(range(len(strands)), key=lambda one: (_leaning(strands[one]), one))
    cost = [[crossings(one, other) if one is not other else 0 for other in strands] for one in strands]
    for _ in range(_ROUNDS):
        moved = False
        for one in sorted(order):
            here = order.index(one)
            rest = order[:here] + order[here + 1 :]
            # The cost of `one` before all of `rest`; each step behind another changes it by that pair.
            price = sum(cost[one][other] for other in rest)
            prices = [price]
            for other in rest:
                price += cost[other][one] - cost[one][other]
                prices.append(price)
            best = min(range(len(prices)), key=lambda at: (prices[at], abs(at - here)))
            if prices[best] < prices[here]:
                order = [*rest[:best], one, *rest[best:]]
                moved = True
        if not moved:
            break
    return order


def _leaning(strand: Strand) -> int:
    return len(strand.behind) - len(strand.before)


def crossings(first: Strand, second: Strand) -> int:
    """Return how often two strands cross when `first` runs before `second`."""
    return (
        sum(second.low < at < second.high for at in first.behind)
        + sum(first.low < at < first.high for at in second.before)
        + (_OVERLAP if overlap(first, second) else 0)
    )


def overlap(first: Strand, second: Strand) -> bool:
    """Whether a wire from `first` lies on one to `second`, when `first` runs before `second`."""
    return any(abs(at - there) < NEAR for at in first.behind for there in second.before)
