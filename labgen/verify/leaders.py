"""Rows of which only a leader listens (`leader` in the catalogue): who it is, as those who asked tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.verify.table import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labgen.verify.expect import Expected

__all__ = ["leader_of"]


def leader_of(row: Iterable[Expected], outcome: Callable[[Expected], str]) -> str:
    """Return the one destination of `row` that all others reach; nothing while there is none.

    There is none either when they disagree: they chose another while they were asked.
    """
    asking: set[str] = set()
    spoken: dict[str, set[str]] = {}
    for one in row:
        asking.add(one.source)
        if outcome(one) == Outcome.SPOKEN:
            spoken.setdefault(one.destination, set()).add(one.source)
    if len(spoken) != 1:
        return ""
    [(leader, sources)] = spoken.items()
    return leader if sources == asking - {leader} else ""
