"""The drill: unplugs one wire after the other, and notes who notices and what users feel.

Pure: all effects are given to it.

A node notices when its own health check fails. Somebody further away may notice through a neighbour's
check, and later than the neighbour, so every wire stays cut for the whole window: no earlier end could be
sure that nobody else will notice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from labgen.engine.cuts import Wire
from labgen.errors import LabgenError
from labgen.render.cuts import link_between
from labgen.verify.felt import CALM, calm, impact_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labgen.engine.watchers import Sign
    from labgen.plan.model import LabPlan
    from labgen.smoke.users import Attempt
    from labgen.verify.felt import Impact

__all__ = [
    "RECOVERY",
    "Drill",
    "Effects",
    "Felt",
    "Late",
    "Notice",
    "Trial",
    "drill",
    "watched_of",
    "wires_of",
]

#: Seconds in which all must be well again after a wire is healed, where nobody says otherwise.
RECOVERY: Final = 40.0
_LOOK: Final = 0.25  # seconds between two looks at whether users are well
_MANY: Final = 25  # nodes that can all be watched, and the lab has time for something else
_BEGINNING: Final = 40.0  # seconds until each node's check must have said that it is well, before any cut


class Effects(Protocol):
    """What a drill does to a lab, and how it hears of it. `now` is in monotonic seconds."""

    def now(self) -> float:
        """Return the time."""

    def hear(self, seconds: float) -> Sign | None:
        """Return the next sign of any node, None when there was none within `seconds`."""

    def cut(self, wire: Wire) -> None:
        """Unplug a wire; it is unplugged when this returns."""

    def heal(self, wire: Wire) -> None:
        """Plug a wire in again, whether it was unplugged or only half so. Nothing interrupts it."""

    def cuts(self) -> Sequence[Wire]:
        """Return the wires that are unplugged."""

    def attempts(self, since: float) -> Sequence[Attempt] | None:
        """Return the users' requests that ended after `since`; None when the lab has no users."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A node whose health check failed: so many seconds after the cut, with the first line of what it said.

    `over`: when it was well again though the wire was still cut, None when it was not: a node with another
    way is well again, and so is one whose check only failed because the machine was busy.
    """

    node: str
    after: float
    said: str
    over: float | None = None

    @property
    def lasting(self) -> bool:
        """Whether it lasted as long as the wire was cut."""
        return self.over is None


@dataclass(frozen=True, slots=True)
class Late:
    """A node that was not well again in time, with what its check said last."""

    node: str
    said: str


@dataclass(frozen=True, slots=True)
class Felt:
    """What users felt of a cut wire, from the cut until they were well again.

    `alone`: the platform went on by itself, while the wire was still cut.
    """

    impact: Impact
    alone: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of cutting one wire.

    `connections` are the rows that it carries, `dependants` the nodes that a row lets use it. `notices` are
    in the order in which they came. `well_after`: seconds from healing until all were well, 0 when nobody was
    unwell then, None when somebody was not well in time: those are `late`. `felt` is None when nobody who
    would feel it was there: there are no users, or the wire is that of the users whose place they take.
    """

    wire: Wire
    link: str
    connections: tuple[str, ...]
    dependants: tuple[str, ...]
    notices: tuple[Notice, ...]
    well_after: float | None
    late: tuple[Late, ...] = ()
    felt: Felt | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """The whole result: a trial for each wire, in their order. `window` and `seconds` are in seconds.

    `nodes` are those that were watched.
    `fault` says why the drill ended before its end, or what else is not as it should be; empty when all is.
    `accepted` writes were acknowledged to users, `lost` of them are not there; `unknown` says why nothing is
    known of that, empty when it is.
    """

    lab: str
    size: str
    nodes: tuple[str, ...]
    window: float
    seconds: float
    trials: tuple[Trial, ...]
    fault: str = ""
    accepted: int = 0
    lost: tuple[str, ...] = ()
    unknown: str = ""


def wires_of(plan: LabPlan) -> list[Wire]:
    """Return every wire of the lab: the pairs of nodes with a documented connection, in the plan's order."""
    return list(
        dict.fromkeys(
            Wire.between(plan, node.name, one.node.name)
            for node in plan.nodes
            for one in plan.neighbours(node)
        )
    )


def watched_of(plan: LabPlan, wires: Sequence[Wire]) -> tuple[str, ...]:
    """Return the nodes to watch: all, or in a lab of many those at the wires and who reaches these."""
    names = tuple(plan.node_by_name)
    if len(names) <= _MANY:
        return names
    ends = {end for wire in wires for end in (wire.one, wire.other)}
    near = {one.node.name for end in ends for one in plan.clients(plan.node_by_name[end])}
    return tuple(name for name in names if name in ends | near)


def drill(
    plan: LabPlan,
    wires: Sequence[Wire],
    effects: Effects,
    *,
    window: float,
    within: float = RECOVERY,
    tell: Callable[[str], None] = lambda _: None,
) -> Drill:
    """Cut each of `wires` for `window` seconds and heal it, whatever happens; the result is for people.

    The drill ends with the first wire after which somebody does not recover `within` so many seconds. Raises
    LabgenError when a node is not well before the first cut.
    """
    started = effects.now()
    listener = _Listener(plan, effects, watched_of(plan, wires))
    _, late = listener.settle(started, _BEGINNING)
    if late:
        raise LabgenError(
            f"lab '{plan.name}' is not well, and a drill begins with a healthy one:\n" + _listed(late),
            f"`labgen up {plan.name}` repairs a lab; `labgen status {plan.name}` shows its nodes.",
        )
    trials: list[Trial] = []
    fault = ""
    for number, wire in enumerate(wires, 1):
        if others := effects.cuts():
            fault = f"somebody else cut {_words(others[0])} meanwhile: what would be seen is not one wire's"
            break
        tell(f"{number}/{len(wires)}: {_words(wire)}")
        trial = listener.try_wire(wire, window, within)
        trials.append(trial)
        if trial.late:
            fault = (
                f"{_words(wire)} was cut and healed, and {within:g} s later not everybody was well:\n"
                + _listed(trial.late)
            )
            break
        if trial.felt is not None and trial.felt.impact.seconds is None:
            fault = (
                f"{_words(wire)} was cut and healed, and {within:g} s later users were not served: "
                f"{trial.felt.impact.said}"
            )
            break
    return Drill(
        lab=plan.name,
        size=plan.size,
        nodes=listener.nodes,
        window=window,
        seconds=effects.now() - started,
        trials=tuple(trials),
        fault=fault,
    )


class _Listener:
    """Hears the signs of all nodes, and does one wire at a time."""

    def __init__(self, plan: LabPlan, effects: Effects, nodes: tuple[str, ...]) -> None:
        self._plan, self._effects, self.nodes = plan, effects, nodes
        # What users outside reach by these rows, those of a drill reach from this machine.
        self._outside = {row for one in plan.published for row in one.connections}

    def try_wire(self, wire: Wire, window: float, within: float) -> Trial:
        """Cut one wire, watch, heal it, and wait until all are well."""
        effects = self._effects
        before = effects.now()
        try:
            effects.cut(wire)
            cut = effects.now()
            notices = _Notices(cut)
            while (left := cut + window - effects.now()) > 0:
                sign = effects.hear(left)
                # A check that began before may have failed for another reason; if not, so does the next.
                if sign is not None and sign.began >= before:
                    notices.take(sign)
        finally:
            over = effects.now()
            effects.heal(wire)
        healed = effects.now()
        well, late = self.settle(healed, within, notices, users=True)
        rows = [
            (one.connection.id, end)
            for end, other in wire.pairs
            for one in self._plan.neighbours(self._plan.node_by_name[end])
            if one.node.name == other
        ]
        found = notices.found
        carries = tuple(dict.fromkeys(row for row, _ in rows))
        return Trial(
            wire=wire,
            link=link_between(self._plan, wire.one, wire.other),
            connections=carries,
            dependants=tuple(dict.fromkeys(end for _, end in rows)),
            notices=found,
            well_after=None
            if late
            else max((well[one.node] - healed for one in found if one.lasting), default=0.0),
            late=late,
            felt=None if self._outside.issuperset(carries) else self._felt(before, over),
        )

    def _felt(self, since: float, over: float) -> Felt | None:
        """Return what users felt of what was cut at `since`, and is being healed from `over` on."""
        attempts = self._effects.attempts(since)
        if attempts is None:
            return None
        impact = impact_of(attempts, since)
        meanwhile = impact_of([one for one in attempts if one.ended <= over], since)
        # Who failed after the healing was still waiting for what could not come.
        alone = meanwhile.seconds is not None and meanwhile.failed == impact.failed
        return Felt(impact, alone)

    def _served(self) -> bool:
        """Return whether users were well for a while, those that there are."""
        attempts = self._effects.attempts(self._effects.now() - CALM)
        return attempts is None or calm(attempts)

    def settle(
        self, since: float, bound: float, notices: _Notices | None = None, *, users: bool = False
    ) -> tuple[dict[str, float], tuple[Late, ...]]:
        """Wait until every node is well by a check that began after `since`, at most `bound` seconds.

        With `users` until these are well, too. Return since when each node is well, and those that are not. A
        check that began before may still be under way, and then says how things were.
        """
        well: dict[str, float] = {}
        said = dict.fromkeys(self.nodes, "its health check said nothing")
        while (left := since + bound - self._effects.now()) > 0:
            if len(well) == len(said):
                if not users or self._served():
                    break
                left = min(left, _LOOK)
            sign = self._effects.hear(left)
            if sign is None or sign.at < since or sign.node not in said:
                continue
            if not sign.well:
                said[sign.node] = sign.said
                well.pop(sign.node, None)
                if notices is not None:
                    notices.take(sign)
            elif sign.began >= since:
                well.setdefault(sign.node, sign.at)
        return well, tuple(Late(name, text) for name, text in said.items() if name not in well)


class _Notices:
    """Who noticed that a wire is cut, while it is and just after."""

    def __init__(self, cut: float) -> None:
        self._cut = cut
        self._found: dict[str, Notice] = {}

    def take(self, sign: Sign) -> None:
        """Note what a sign says of its node."""
        before = self._found.get(sign.node)
        after = max(sign.at - self._cut, 0.0)
        if not sign.well:
            self._found[sign.node] = (
                replace(before, over=None) if before else Notice(sign.node, after, sign.said)
            )
        elif before and before.over is None:
            self._found[sign.node] = replace(before, over=after)

    @property
    def found(self) -> tuple[Notice, ...]:
        """All of them, in the order in which they came."""
        return tuple(self._found.values())


def _words(wire: Wire) -> str:
    return f"the wire {wire.one} - {wire.other}"


def _listed(late: Sequence[Late]) -> str:
    return "\n".join(f"  {one.node}: {one.said}" for one in late)
