"""The nets cut into straight runs, one for each stretch of the sheet that they take."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labgen.render.graph.route import Tree
    from labgen.render.graph.sheet import Corridor

__all__ = ["Run", "Runs", "runs_of"]


@dataclass(slots=True, eq=False)
class Run:
    """A part of a net in one corridor, `at` so many pixels from the sheet's left or upper edge.

    `part` is the part of a gutter that it belongs in. `turns` has each stop where it turns off, and the run
    that goes on from there; None stands for a port or a node.
    """

    net: int
    corridor: Corridor
    at: int = 0
    part: int = 1
    turns: dict[int, Run | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs, the one that a net has at a stop in a corridor, and the node that a net leaves at a stop."""

    all: tuple[Run, ...]
    at: dict[tuple[int, Corridor, int], Run]
    leaving: dict[tuple[int, int], str]


def runs_of(trees: Sequence[Tree]) -> Runs:
    """Return the runs of all nets."""
    found: dict[tuple[int, Corridor, int], Run] = {}
    runs: list[Run] = []
    for net, tree in enumerate(trees):
        joined = _joined(tree)
        for corridor, steps in joined.items():
            for stops in _pieces(steps):
                run = Run(net, corridor)
                runs.append(run)
                found |= {(net, corridor, stop): run for stop in stops}
        ends = {*tree.leaves.values(), *tree.ports}
        there: dict[int, list[Run]] = defaultdict(list)
        for corridor, steps in joined.items():
            for stop in steps:
                there[stop].append(found[net, corridor, stop])
        for stop, meeting in there.items():
            if stop in ends:
                meeting[0].turns[stop] = None
            elif len(meeting) > 1:
                one, other = meeting  # a gutter, and a passage or a channel
                one.turns[stop], other.turns[stop] = other, one
    leaving = {(net, stop): name for net, tree in enumerate(trees) for name, stop in tree.leaves.items()}
    return Runs(tuple(runs), found, leaving)


def _joined(tree: Tree) -> dict[Corridor, dict[int, set[int]]]:
    """Return for each corridor of a net the stops that are joined in it."""
    joined: dict[Corridor, dict[int, set[int]]] = {}
    for one, step in tree.steps.items():
        if step is not None:
            other, corridor = step
            steps = joined.setdefault(corridor, defaultdict(set))
            steps[one].add(other)
            steps[other].add(one)
    return joined


def _pieces(steps: Mapping[int, set[int]]) -> list[list[int]]:
    """Return the stops of each connected piece."""
    pieces: list[list[int]] = []
    seen: set[int] = set()
    for first in sorted(steps):
        if first in seen:
            continue
        piece = []
        waiting = [first]
        while waiting:
            stop = waiting.pop()
            if stop not in seen:
                seen.add(stop)
                piece.append(stop)
                waiting += sorted(steps[stop])
        pieces.append(piece)
    return pieces
