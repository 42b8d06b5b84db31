"""Which way each net takes: the cheapest from its sources to the ports that it leads to.

A net grows from its first port, by the nearest of its other ends each time; each runs to what there is
already, so that wires of one net soon run as one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.render.graph.nets import Net
    from labgen.render.graph.sheet import Corridor
    from labgen.render.graph.ways import Ways

__all__ = ["Tree", "route"]

_SIDE: Final = 12  # what it costs to leave to the left, or to arrive from the right
_ABROAD: Final = 200  # what it costs a net inside a site to leave its band
_CROWD: Final = 3  # what each net that is there already costs
_SHARED: Final = 4  # a way that the net has already costs so many times less

_Step = tuple[int, "Corridor"]


@dataclass(slots=True)
class Tree:
    """The way of a net. `steps` leads from each stop towards the first port, where it ends with None.

    `leaves` is the stop of each source, `arrives` that of each destination but the first.
    """

    steps: dict[int, _Step | None] = field(default_factory=dict)
    leaves: dict[str, int] = field(default_factory=dict)
    arrives: dict[str, int] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        """The stops of all ports."""
        return sorted({*self.arrives.values(), *(stop for stop, step in self.steps.items() if step is None)})

    def path(self, source: str, destination: str) -> list[tuple[int, Corridor | None]]:
        """Return each stop from a source to a destination with the corridor that leads to the next one."""
        path = self._inwards(self.leaves[source])
        if destination not in self.arrives:
            return path
        back = self._inwards(self.arrives[destination])
        while len(path) > 1 and len(back) > 1 and path[-2][0] == back[-2][0]:
            path.pop()
            back.pop()
        outwards = [(stop, corridor) for (_, corridor), (stop, _) in pairwise(back)]
        return [*path[:-1], *reversed(outwards), (back[0][0], None)]

    def _inwards(self, stop: int) -> list[tuple[int, Corridor | None]]:
        path: list[tuple[int, Corridor | None]] = []
        step = self.steps[stop]
        while step is not None:
            path.append((stop, step[1]))
            stop = step[0]
            step = self.steps[stop]
        return [*path, (stop, None)]


@dataclass(frozen=True, slots=True)
class _End:
    """One of the two places where a net may leave a node or reach a port, and what that costs."""

    node: str
    leaves: bool
    cost: int


def route(ways: Ways, nets: Iterable[Net]) -> list[Tree]:
    """Return the way of each net."""
    crowd: dict[tuple[int, int], int] = defaultdict(int)
    trees = []
    for net in nets:
        tree = _Search(ways, net, crowd).run()
        for one, step in tree.steps.items():
            if step is not None:
                crowd[min(one, step[0]), max(one, step[0])] += 1
        trees.append(tree)
    return trees


class _Search:
    """The search for the way of one net, cheapest step first."""

    def __init__(self, ways: Ways, net: Net, crowd: dict[tuple[int, int], int]) -> None:
        self._ways = ways
        self._net = net
        self._crowd = crowd
        self._missing = _ends(ways, net)
        self._tree = Tree()
        self._whole: dict[int, int] = {}  # what the way from each stop of the tree to the port costs
        self._spent: dict[int, int] = {}
        self._before: dict[int, _Step | None] = {}
        # (cost, turn, stop, whether the way ends here)
        self._heap: list[tuple[int, int, int, bool]] = []
        self._turn = 0

    def run(self) -> Tree:
        """Return the tree that reaches every end."""
        for side, stop in enumerate(self._ways.ports[self._net.destinations[0], self._net.port]):
            self._offer(stop, side * _SIDE, None)
        while self._missing:
            cost, _, stop, ends = heappop(self._heap)
            if ends:
                self._reach(stop)
            elif cost == self._spent[stop]:
                self._leave(stop, cost)
        return self._tree

    def _offer(self, stop: int, cost: int, step: _Step | None) -> None:
        if cost < self._spent.get(stop, cost + 1):
            self._spent[stop], self._before[stop] = cost, step
            self._push(stop, cost, ends=False)

    def _push(self, stop: int, cost: int, *, ends: bool) -> None:
        self._turn += 1
        heappush(self._heap, (cost, self._turn, stop, ends))

    def _leave(self, stop: int, cost: int) -> None:
        if stop in self._missing:
            self._push(stop, cost + self._missing[stop].cost, ends=True)
        for other, length, corridor in self._ways.steps[stop]:
            abroad = _ABROAD if self._net.local and self._ways.stops[other].end else 0
            crowd = self._crowd.get((min(stop, other), max(stop, other)), 0)
            self._offer(other, cost + length + abroad + _CROWD * crowd, (stop, corridor))

    def _reach(self, stop: int) -> None:
        """Add the way to an end, and begin anew from all of it."""
        end = self._missing.get(stop)
        if end is None:
            return
        self._missing = {
            one: other
            for one, other in self._missing.items()
            if (other.node, other.leaves) != (end.node, end.leaves)
        }
        (self._tree.leaves if end.leaves else self._tree.arrives)[end.node] = stop
        way = []
        while stop not in self._tree.steps:
            way.append(stop)
            step = self._before[stop]
            if step is None:
                break
            stop = step[0]
        for one in reversed(way):
            step = self._before[one]
            self._tree.steps[one] = step
            self._whole[one] = self._whole[step[0]] + self._spent[one] - self._spent[step[0]] if step else 0
        if len(self._net.destinations) > 1 and len(way) == len(self._tree.steps):
            # Several ports have to hang together: forget the first one's other side.
            self._spent, self._before, self._heap = {}, {}, []
        for one in way:
            self._offer(one, self._whole[one] // _SHARED, self._tree.steps[one])


def _ends(ways: Ways, net: Net) -> dict[int, _End]:
    """Return what a net has to reach, by stop; its first port is where it begins."""
    leaving = {
        stop: _End(name, leaves=True, cost=(1 - side) * _SIDE)
        for name in net.sources
        for side, stop in enumerate(ways.nodes[name])
    }
    arriving = {
        stop: _End(name, leaves=False, cost=side * _SIDE)
        for name in net.destinations[1:]
        for side, stop in enumerate(ways.ports[name, net.port])
    }
    return leaving | arriving
