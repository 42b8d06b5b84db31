"""Gives every run its track, and every wire the height at which it leaves its node."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labgen.render.graph.order import crossings, tracks_of
from labgen.render.graph.sheet import ROW, TRACK, Room

if TYPE_CHECKING:
    from labgen.render.graph.runs import Run
    from labgen.render.graph.sheet import Corridor
    from labgen.render.graph.wiring import Wiring

__all__ = ["settle"]

_ROUNDS: Final = 3
_BESIDE: Final = 5  # pixels between two wires at one port, where there is so much


def settle(wiring: Wiring) -> Room:
    """Lay the runs of `wiring` beside each other; return the room that this takes.

    Which order is best depends on what is across, and that on the order: so both are found in turns.
    """
    return _Settling(wiring).run()


class _Settling:
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._room = Room()
        self._groups: dict[tuple[Corridor, int], list[Run]] = defaultdict(list)
        self._leaving: dict[tuple[str, int], list[int]] = defaultdict(list)
        for run in wiring.runs.all:
            run.part = self._part(run)
            self._groups[run.corridor, run.part].append(run)
        for (net, stop), name in wiring.runs.leaving.items():
            self._leaving[name, stop].append(net)

    def run(self) -> Room:
        for run in self._wiring.runs.all:
            run.at = sum(self._wiring.stretch(run)) // 2
        self._reach_ports()
        for (name, stop), nets in self._leaving.items():
            side = int(self._wiring.ways.stops[stop].side < 0)
            self._room.slots[name, side] = len(nets)
            self._fan(name, stop)
        for _ in range(_ROUNDS):
            self._lay("passage", "channel")
            self._leave_nodes()
            self._lay("gutter")
        self._lay("channel")
        return self._room

    def _part(self, run: Run) -> int:
        """Return the part of a gutter that a run belongs in: beside one site, if it turns to no other."""
        stops = [self._wiring.ways.stops[stop] for stop in run.turns]
        sides = {stop.side for stop in stops}
        if run.corridor.kind != "gutter" or len(sides) > 1 or any(stop.end for stop in stops):
            return 1
        part = 1 + sides.pop()
        return part if (run.corridor, part) in self._wiring.sheet.stretches else 1

    def _reach_ports(self) -> None:
        reaching: dict[int, list[int]] = defaultdict(list)
        for net, tree in enumerate(self._wiring.trees):
            for stop in tree.ports:
                reaching[stop].append(net)
        for stop, nets in reaching.items():
            step = min(_BESIDE, (ROW - 4) // len(nets))
            for place, net in enumerate(nets):
                beside = step * (2 * place - len(nets) + 1) // 2
                self._wiring.ends[net, stop] = self._wiring.ways.stops[stop].at + beside

    def _leave_nodes(self) -> None:
        for (name, stop), nets in self._leaving.items():
            nets.sort(key=lambda net: self._aim(net, stop))
            self._fan(name, stop)
            self._untangle(stop, nets)

    def _fan(self, name: str, stop: int) -> None:
        nets = self._leaving[name, stop]
        top, head = self._wiring.sheet.boxes[name].y, self._wiring.sheet.heads[name]
        for place, net in enumerate(nets, 1):
            self._wiring.ends[net, stop] = top + head * place // (len(nets) + 1)

    def _aim(self, net: int, stop: int) -> float:
        """Return the middle height of what a net leads to from a node."""
        run = self._run(net, stop)
        heights = [self._wiring.position(run, one) for one in run.turns if one != stop]
        return sum(heights) / len(heights)

    def _run(self, net: int, stop: int) -> Run:
        return self._wiring.runs.at[net, self._wiring.ways.stops[stop].gutter, stop]

    def _untangle(self, stop: int, nets: list[int]) -> None:
        """Let two neighbours leave the other way round where that saves a crossing."""
        for _ in nets:
            moved = False
            for place, (one, other) in enumerate(pairwise(nets)):
                before = self._tangle(stop, one, other)
                self._swap(stop, one, other)
                if self._tangle(stop, one, other) < before:
                    nets[place], nets[place + 1] = other, one
                    moved = True
                    break
                self._swap(stop, one, other)
            if not moved:
                return

    def _swap(self, stop: int, one: int, other: int) -> None:
        ends = self._wiring.ends
        ends[one, stop], ends[other, stop] = ends[other, stop], ends[one, stop]

    def _tangle(self, stop: int, one: int, other: int) -> int:
        first, second = (self._wiring.strand(self._run(net, stop)) for net in (one, other))
        return min(crossings(first, second), crossings(second, first))

    def _lay(self, *kinds: str) -> None:
        groups = {key: runs for key, runs in self._groups.items() if key[0].kind in kinds}
        # What a run turns into is read while others move: all strands first.
        strands = {key: [self._wiring.strand(run) for run in runs] for key, runs in groups.items()}
        for key, runs in groups.items():
            tracks = tracks_of(strands[key])
            count = max(tracks) + 1
            first = (sum(self._wiring.sheet.stretches[key]) - (count - 1) * TRACK) // 2
            for run, track in zip(runs, tracks, strict=True):
                run.at = first + track * TRACK
            self._room.grow(Room(tracks={key: count}))
