"""Nets on a sheet: where each of their runs is, and what that means for the runs beside and across it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labgen.render.graph.order import Strand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.render.graph.route import Tree
    from labgen.render.graph.runs import Run, Runs
    from labgen.render.graph.sheet import Sheet, Stretch
    from labgen.render.graph.ways import Ways

__all__ = ["Wiring"]

_EDGE: Final = 4  # pixels from the upper edge of a node to the first wire that leaves it
_FAR: Final = 10**9


@dataclass(frozen=True, slots=True)
class Wiring:
    """`ends` has the height at which a net, by its number, leaves a node or reaches a port at a stop."""

    sheet: Sheet
    ways: Ways
    trees: Sequence[Tree]
    runs: Runs
    ends: dict[tuple[int, int], int] = field(default_factory=dict)

    def points(self, net: int, source: str, destination: str) -> list[tuple[int, int]]:
        """Return the corners of a wire from its source to its port."""
        path = self.trees[net].path(source, destination)
        first, last = path[0][0], path[-1][0]
        start = (self._edge(source, first), self.ends[net, first])
        end = (self._edge(destination, last), self.ends[net, last])
        found = [start]
        before = None
        for stop, corridor in path:
            if corridor is not None and corridor != before:
                at = self.runs.at[net, corridor, stop].at
                x, y = found[-1]
                # It turns: level runs begin where upright ones are, and the other way round.
                found.append((at, y) if corridor.kind == "gutter" else (x, at))
            before = corridor
        found += [(found[-1][0], end[1]), end]
        return _corners(found)

    def stretch(self, run: Run) -> Stretch:
        """Return from where to where `run` may be."""
        return self.sheet.stretches[run.corridor, run.part]

    def position(self, run: Run, stop: int) -> int:
        """Return where along `run` it turns off at `stop`."""
        beyond = run.turns[stop]
        return self.ends[run.net, stop] if beyond is None else beyond.at

    def strand(self, run: Run) -> Strand:
        """Return how `run` looks to the others in its corridor."""
        before, behind, places = [], [], []
        start, end = _FAR, -_FAR
        for stop in run.turns:
            place = self.position(run, stop)
            places.append(place)
            sides = self._sides(run, stop)
            if -1 in sides:
                before.append(place)
            if 1 in sides:
                behind.append(place)
            low, high = self._range(run, stop)
            start, end = min(start, low), max(end, high)
        return Strand(tuple(before), tuple(behind), min(places), max(places), start, end)

    def leave_at(self, net: int, stop: int, at: int, room: int) -> bool:
        """Let a net leave its node at another height; False where that is not possible, or no node."""
        node = self.runs.leaving.get((net, stop))
        if node is None:
            return False
        rect, head = self.sheet.boxes[node], self.sheet.heads[node]
        low, high = sorted((at, self.ends[net, stop]))
        others = [end for (one, where), end in self.ends.items() if where == stop and one != net]
        if not rect.y + _EDGE <= at <= rect.y + head - _EDGE:
            return False
        if any(low - room < end < high + room for end in others):
            return False
        self.ends[net, stop] = at
        return True

    def _edge(self, node: str, stop: int) -> int:
        rect = self.sheet.boxes[node]
        return rect.right if self.ways.stops[stop].side < 0 else rect.x

    def _sides(self, run: Run, stop: int) -> set[int]:
        """Return where a net goes on from `run` at `stop`."""
        beyond = run.turns[stop]
        if beyond is None:
            return {self.ways.stops[stop].side}
        there = [self.position(beyond, other) - run.at for other in beyond.turns if other != stop]
        return {(way > 0) - (way < 0) for way in there}

    def _range(self, run: Run, stop: int) -> Stretch:
        """Return between where `run` may turn off at `stop`, whatever is still to be moved."""
        beyond = run.turns[stop]
        if beyond is not None:
            return self.stretch(beyond)
        node = self.runs.leaving.get((run.net, stop))
        if node is None:
            return self.ends[run.net, stop], self.ends[run.net, stop]
        top = self.sheet.boxes[node].y
        return top, top + self.sheet.heads[node]


def _corners(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out the points that are no corners."""
    distinct = [points[0], *(other for one, other in pairwise(points) if one != other)]
    found: list[tuple[int, int]] = []
    for point in distinct:
        if len(found) > 1 and any(found[-2][axis] == found[-1][axis] == point[axis] for axis in (0, 1)):
            found.pop()
        found.append(point)
    return found
