"""A lab to drill that is not there: its own clock, checks that take time, and nodes that notice as told."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from labgen.engine.cuts import Wire
from labgen.engine.watchers import Sign
from labgen.smoke.users import KINDS, Attempt

__all__ = ["Drilled", "Notices"]

_PACE = 0.25

#: For a wire, when each node is unwell: from so many seconds after the cut to so many, or until it is healed.
Notices = Mapping[Wire, Mapping[str, Sequence[tuple[float, float | None]]]]


@dataclass
class Drilled:
    """The effects of a drill. Each node's check begins every `period` seconds and takes `took`."""

    nodes: list[str]
    notices: Notices = field(default_factory=dict)
    period: float = 1.0
    took: float = 0.125
    recovery: float = 1.5
    ill: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, Wire]] = field(default_factory=list)
    there: list[Wire] = field(default_factory=list)
    moments: dict[str, float] = field(default_factory=dict)
    before_each: Callable[[str], None] = lambda _what: None
    fault: Callable[[str, float], str] = lambda _node, _began: ""
    #: For a wire, from when to when after the cut users fail; without an end until `recovery` after healing.
    outages: Mapping[Wire, tuple[float, float | None]] = field(default_factory=dict)
    users: bool = True

    def __post_init__(self) -> None:
        self._now = 100.0
        self._recovering: dict[str, tuple[float, float]] = {}
        self._since: dict[Wire, float] = {}
        self._down: list[tuple[float, float]] = []
        self._rounds = [(100.0 + 0.03125 * index, name) for index, name in enumerate(self.nodes)]
        heapq.heapify(self._rounds)

    def now(self) -> float:
        return self._now

    def hear(self, seconds: float) -> Sign | None:
        self.before_each("hear")
        began, name = self._rounds[0]
        if began + self.took > self._now + seconds:
            self._now += seconds
            return None
        heapq.heapreplace(self._rounds, (began + self.period, name))
        at = began + self.took
        self._now = max(self._now, at)
        fault = self._fault(name, began)
        return Sign(name, began, at, not fault, fault or "it is well")

    def cut(self, wire: Wire) -> None:
        self.before_each("cut")
        self.there.append(wire)
        self.calls.append(("cut", wire))
        self._now += 0.5
        self._since[wire] = self.moments["cut"] = self._now
        self.before_each("was cut")

    def heal(self, wire: Wire) -> None:
        self.calls.append(("heal", wire))
        self.moments["heal"] = self._now
        if wire in self.there:
            self.there.remove(wire)
        self._now += 0.5
        since = self._since.pop(wire, None)
        if since is not None and (outage := self.outages.get(wire)):
            after, over = outage
            self._down.append((since + after, self._now + self.recovery if over is None else since + over))
        for name, spans in self.notices.get(wire, {}).items():
            for after, over in spans:
                if since is not None and over is None and self._now >= since + after:
                    self._recovering[name] = (since + after, self._now + self.recovery)

    def cuts(self) -> list[Wire]:
        return self.there

    def attempts(self, since: float) -> list[Attempt] | None:
        if not self.users:
            return None
        down = list(self._down)
        for wire, cut in self._since.items():
            if outage := self.outages.get(wire):
                after, over = outage
                down.append((cut + after, inf if over is None else cut + over))
        found = []
        for number in range(int((since - 100.0) / _PACE), int((self._now - 100.0) / _PACE) + 1):
            ended = 100.0 + number * _PACE
            error = "503 no answer" if any(begin <= ended < end for begin, end in down) else ""
            if since <= ended <= self._now:
                found += [Attempt(kind, ended - 0.01, ended, error) for kind in KINDS]
        return found

    def _fault(self, name: str, began: float) -> str:
        """Return why the check of `name` that began then fails; empty when it does not."""
        if name in self.ill:
            return self.ill[name]
        for wire, since in self._since.items():
            for after, over in self.notices.get(wire, {}).get(name, ()):
                if since + after <= began and (over is None or began < since + over):
                    return f"{wire.one} - {wire.other} is silent"
        unwell, well = self._recovering.get(name, (0.0, 0.0))
        return "not well yet" if unwell <= began < well else self.fault(name, began)
