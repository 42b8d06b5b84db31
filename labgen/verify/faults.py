"""The drill of nodes: hits one after the other while users go on, and measures what they felt of it.

Pure: all effects are given to it. What is measured is what a client sees through the platform's public
address: how long requests failed, how many, and whether anything is gone that it was told is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from labgen.verify.felt import CALM, calm, impact_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labgen.smoke.users import Attempt
    from labgen.verify.felt import Impact

__all__ = ["Blow", "Faults", "Hits", "Kind", "hit_all"]

_WATCH: Final = 10.0  # seconds after a fault in which whatever it does to users must have begun
_GIVE_UP: Final = 60.0  # seconds after which a platform that has a spare node should have gone on
#: Seconds in which a node that is back must be healthy, and all others, where nobody says otherwise.
REJOIN: Final = 120.0


class Kind(StrEnum):
    """What is done to a node."""

    KILL = "kill"
    STOP = "stop"
    PAUSE = "pause"
    RESTART = "restart"


class Hits(Protocol):
    """What the drill does to a lab, and what it learns of it. `now` is in monotonic seconds."""

    def now(self) -> float:
        """Return the time."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def hit(self, kind: Kind, nodes: Sequence[str]) -> None:
        """Do it to all `nodes` at once; it is done when this returns."""

    def heal(self, kind: Kind, nodes: Sequence[str]) -> None:
        """Let them run again, whether they were hit or only some of them. Nothing interrupts it."""

    def ill(self) -> Mapping[str, str]:
        """Return the nodes that are not healthy, with what is said of each."""

    def attempts(self, since: float) -> Sequence[Attempt]:
        """Return the users' requests that ended after `since`."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What came of hitting `nodes` at once.

    `spare`: whether others of their roles remained, `bound` how long users may then be affected (None: the
    documents give no bound). `back` is how long it took after healing until everybody was healthy, None
    when somebody was not `within` so many seconds: `late` says who, and why.
    """

    nodes: tuple[str, ...]
    kind: Kind
    spare: bool
    bound: float | None
    impact: Impact
    healing: Impact
    back: float | None
    late: Mapping[str, str]
    within: float

    @property
    def fault(self) -> str:
        """What was not as it should be; empty when all was."""
        names = ", ".join(self.nodes)
        if self.back is None:
            who = "; ".join(f"{node}: {said}" for node, said in self.late.items())
            return f"{names}: not everybody was well {self.within:g} s after it was over: {who}"
        if self.spare and self.bound is not None and self.impact.seconds is None:
            return f"{names}: users were not served any more: {self.impact.said}"
        if self.healing.seconds is None:
            return f"{names}: users were not served any more when it was back: {self.healing.said}"
        if self.spare and self.bound is not None:
            # A node that joins its cluster again may affect users as well as one that is lost.
            for impact, when in ((self.impact, ""), (self.healing, " when it came back")):
                if (impact.seconds or 0.0) > self.bound:
                    return (
                        f"{names}: users were affected for {impact.seconds:.1f} s{when}, "
                        f"and may be for {self.bound:g} s: {impact.said}"
                    )
        return ""


@dataclass(frozen=True, slots=True)
class Faults:
    """The whole drill. `accepted` writes were acknowledged to users, `lost` of them are not there."""

    lab: str
    size: str
    blows: tuple[Blow, ...]
    seconds: float
    accepted: int = 0
    lost: tuple[str, ...] = ()
    fault: str = ""


def hit_all(
    targets: Sequence[tuple[tuple[str, ...], bool, float | None]],
    kind: Kind,
    hits: Hits,
    *,
    within: float = REJOIN,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Blow]:
    """Hit each of `targets` (nodes, whether others remain, bound in seconds), and heal it, whatever happens.

    Ends with the first after which somebody is not well again `within` so many seconds.
    """
    done: list[Blow] = []
    for number, (nodes, spare, bound) in enumerate(targets, 1):
        tell(f"{number}/{len(targets)}: {kind} {', '.join(nodes)}")
        done.append(_hit(nodes, kind, hits, spare=spare, bound=bound, within=within))
        if done[-1].back is None:
            break
    return done


def _hit(
    nodes: tuple[str, ...], kind: Kind, hits: Hits, *, spare: bool, bound: float | None, within: float
) -> Blow:
    since = hits.now()
    try:
        hits.hit(kind, nodes)
        until = hits.now() + (_GIVE_UP if spare else _WATCH)
        while hits.now() < until and not (hits.now() > since + _WATCH and _calm(hits, since)):
            hits.wait(0.25)
        impact = impact_of(hits.attempts(since), since)
    finally:
        hits.heal(kind, nodes)
    healed = hits.now()
    late = _gather(hits, healed, within)
    back = None if late else hits.now() - healed
    while hits.now() < healed + within and not _calm(hits, healed):
        hits.wait(0.25)
    return Blow(
        nodes=nodes,
        kind=kind,
        spare=spare,
        bound=bound,
        impact=impact,
        healing=impact_of(hits.attempts(healed), healed),
        back=back,
        late=late,
        within=within,
    )


def _gather(hits: Hits, since: float, within: float) -> Mapping[str, str]:
    """Wait until all are healthy; return who is not in time."""
    while (ill := hits.ill()) and hits.now() < since + within:
        hits.wait(0.5)
    return ill


def _calm(hits: Hits, since: float) -> bool:
    """Return whether users were well for a while, all of it after `since`."""
    start = hits.now() - CALM
    return start >= since and calm(hits.attempts(start))
