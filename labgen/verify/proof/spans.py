"""Sets of ports or addresses as sorted, disjoint, inclusive spans."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Span", "minus", "shared", "union"]

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """Return `spans` sorted, with those that touch made one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def shared(spans: Iterable[Span], first: int, last: int) -> list[Span]:
    """Return what of `spans` is between `first` and `last`."""
    return [(max(low, first), min(high, last)) for low, high in spans if low <= last and high >= first]


def minus(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return what is left of `spans` without `taken`."""
    holes = union(taken)
    left: list[Span] = []
    for first, last in spans:
        start = first
        at = max(bisect_left(holes, (first,)) - 1, 0)
        while at < len(holes) and holes[at][0] <= last:
            low, high = holes[at]
            if low > start:
                left.append((start, low - 1))
            start = max(start, high + 1)
            at += 1
        if start <= last:
            left.append((start, last))
    return left
