"""The last touch to laid wires: small steps are taken out of them, and two that lie on each other parted."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Final

from labgen.render.graph.order import NEAR, overlap
from labgen.render.graph.sheet import TRACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.render.graph.runs import Run
    from labgen.render.graph.sheet import Corridor
    from labgen.render.graph.wiring import Wiring

__all__ = ["finish"]

_STEP: Final = 4 * TRACK  # what counts as a small step
_ROUNDS: Final = 2
_EDGE: Final = {"gutter": 8, "passage": 4, "channel": 4}  # pixels to the edge of a stretch
_AWAY: Final = (NEAR, TRACK, 2 * TRACK)  # how far two wires are moved apart
_ROOM: Final = 6  # pixels between two wires that leave a node


def finish(wiring: Wiring) -> None:
    """Straighten and part the wires of `wiring`, where nothing else is in the way."""
    touch = _Touch(wiring)
    for _ in range(_ROUNDS):
        touch.part()
        touch.straighten()


class _Touch:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._beside: dict[Corridor, list[Run]] = defaultdict(list)
        for run in wiring.runs.all:
            self._beside[run.corridor].append(run)

    def straighten(self) -> None:
        """Move neighbours of small steps into line."""
        for run in self._wiring.runs.all:
            if len(run.turns) == 2:  # noqa: PLR2004 - one neighbour at each end
                one, other = run.turns
                here, there = self._wiring.position(run, one), self._wiring.position(run, other)
                if 0 < abs(here - there) <= _STEP:
                    _ = self._shift(run, one, there, TRACK) or self._shift(run, other, here, TRACK)

    def part(self) -> None:
        """Move wires apart that turn off towards each other at one place."""
        for runs in self._beside.values():
            strands = {run: self._wiring.strand(run) for run in runs}
            for one, other in combinations(sorted(runs, key=lambda run: run.at), 2):
                if one.at < other.at and overlap(strands[one], strands[other]):
                    self._part(one, other)

    def _part(self, one: Run, other: Run) -> None:
        """Let one of two runs turn off elsewhere, or change places."""
        _ = any(self._shift(run, stop, to, NEAR) for run, stop, to in self._meeting(one, other)) or any(
            self._move(run, to, NEAR)
            for away in _AWAY
            for run, to in ((one, other.at + away), (other, one.at - away))
        )

    def _meeting(self, one: Run, other: Run) -> Iterator[tuple[Run, int, int]]:
        """Yield where two runs may turn off, out of each other's way: (run, stop, place)."""
        for away in _AWAY:
            for stop in one.turns:
                for other_stop in other.turns:
                    here, there = self._wiring.position(one, stop), self._wiring.position(other, other_stop)
                    if abs(here - there) < NEAR:
                        yield from ((one, stop, there - away), (one, stop, there + away))
                        yield from ((other, other_stop, here - away), (other, other_stop, here + away))

    def _shift(self, run: Run, stop: int, to: int, apart: int) -> bool:
        """Let `run` turn off elsewhere, if what it turns into can be moved."""
        neighbour = run.turns[stop]
        if neighbour is not None:
            return self._move(neighbour, to, apart)
        back = self._wiring.ends[run.net, stop]
        if not self._wiring.leave_at(run.net, stop, to, min(apart, _ROOM)):
            return False
        if not self._is_clear(run):
            self._wiring.ends[run.net, stop] = back
            return False
        return True

    def _move(self, run: Run, to: int, apart: int) -> bool:
        """Move `run`, if it has room there and passes no other."""
        if not self._is_free(run, to, apart):
            return False
        back = run.at
        run.at = to
        if not self._is_clear(run):
            run.at = back
            return False
        for across in run.turns.values():
            # What it turns into has become longer, and must not touch another on its track.
            if across is not None and not (self._is_free(across, across.at, NEAR) and self._is_clear(across)):
                run.at = back
                return False
        return True

    def _is_free(self, run: Run, to: int, apart: int) -> bool:
        low, high = self._wiring.stretch(run)
        edge = min(apart - 1, _EDGE[run.corridor.kind])
        if to != run.at and not low + edge <= to <= high - edge:
            return False
        # Two wires on each other are worse than a crossing: to part them, one may pass another.
        past = to if apart == NEAR else run.at
        left, right = min(past, to) - apart, max(past, to) + apart
        start, end = self._reach(run)
        for other in self._beside[run.corridor]:
            if other is not run and left < other.at < right:
                begin, finish = self._reach(other)
                if begin < end + TRACK and start < finish + TRACK:
                    return False
        return True

    def _is_clear(self, run: Run) -> bool:
        """Whether nothing that turns off from `run` lies on what turns off from another the other way."""
        mine = self._wiring.strand(run)
        for other in self._beside[run.corridor]:
            if other is not run:
                theirs = self._wiring.strand(other)
                first, second = (mine, theirs) if run.at < other.at else (theirs, mine)
                if overlap(first, second):
                    return False
        return True

    def _reach(self, run: Run) -> tuple[int, int]:
        positions = [self._wiring.position(run, stop) for stop in run.turns]
        return min(positions), max(positions)
