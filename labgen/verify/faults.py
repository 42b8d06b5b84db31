"""The drill of nodes: hits one after the other while users go on, and measures what they felt of it.

Pure: all effects are given to it. What is measured is what a client sees through the platform's public
address: how long requests failed, how many, and whether anything is gone that it was told is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labgen.smoke.users import Attempt

__all__ = ["Blow", "Faults", "Hits", "Impact", "Kind", "hit_all", "impact_of"]

_WATCH: Final = 10.0  # seconds after a fault in which whatever it does to users must have begun
_CALM: Final = 2.0  # seconds without a failed request after which users are well
_ENOUGH: Final = 3  # requests of each kind that must have come through in them
_GIVE_UP: Final = 60.0  # seconds after which a platform that has a spare node should have gone on
_REJOIN: Final = 120.0  # seconds until a node that is back must be healthy, and all others


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
class Impact:
    """What users felt: seconds from the first request that failed to the first that came through after all.

    `failed` counts requests, `said` is what the first of them was told. `seconds` is None when nothing came
    through any more.
    """

    seconds: float | None
    failed: int
    said: str = ""


@dataclass(frozen=True, slots=True)
class Blow:
    """What came of hitting `nodes` at once.

    `spare`: whether others of their roles remained, `bound` how long users may then be affected (None: the
    documents give no bound). `back` is how long it took after healing until everybody was healthy, None
    when somebody was not in time: `late` says who, and why.
    """

    nodes: tuple[str, ...]
    kind: Kind
    spare: bool
    bound: float | None
    impact: Impact
    healing: Impact
    back: float | None
    late: Mapping[str, str]

    @property
    def fault(self) -> str:
        """What was not as it should be; empty when all was."""
        names = ", ".join(self.nodes)
        if self.back is None:
            who = "; ".join(f"{node}: {said}" for node, said in self.late.items())
            return f"{names}: not everybody was well {_REJOIN:.0f} s after it was over: {who}"
        if self.spare and self.bound is not None:
            if self.impact.seconds is None:
                return f"{names}: users were not served any more: {self.impact.said}"
            if self.impact.seconds > self.bound:
                return (
                    f"{names}: users were affected for {self.impact.seconds:.1f} s, "
                    f"and may be for {self.bound:g} s: {self.impact.said}"
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
    tell: Callable[[str], None] = lambda _: None,
) -> list[Blow]:
    """Hit each of `targets` (nodes, whether others remain, bound in seconds), and heal it, whatever happens.

    Ends with the first after which somebody is not well again.
    """
    done: list[Blow] = []
    for number, (nodes, spare, bound) in enumerate(targets, 1):
        tell(f"{number}/{len(targets)}: {kind} {', '.join(nodes)}")
        done.append(_hit(nodes, kind, hits, spare=spare, bound=bound))
        if done[-1].back is None:
            break
    return done


def _hit(nodes: tuple[str, ...], kind: Kind, hits: Hits, *, spare: bool, bound: float | None) -> Blow:
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
    late = _gather(hits, healed)
    back = None if late else hits.now() - healed
    while hits.now() < healed + _REJOIN and not _calm(hits, healed):
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
    )


def _gather(hits: Hits, since: float) -> Mapping[str, str]:
    """Wait until all are healthy; return who is not in time."""
    while (ill := hits.ill()) and hits.now() < since + _REJOIN:
        hits.wait(0.5)
    return ill


def _calm(hits: Hits, since: float) -> bool:
    """Return whether every kind of user was served for a while, and nobody failed in it."""
    start = hits.now() - _CALM
    if start < since:
        return False
    seen = list(hits.attempts(start))
    counts: dict[str, int] = {}
    for one in seen:
        if one.error:
            return False
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return len(counts) > 1 and min(counts.values()) >= _ENOUGH


def impact_of(attempts: Sequence[Attempt], since: float) -> Impact:
    """Return what users felt after `since` by the requests that ended then."""
    failed = [one for one in attempts if one.error]
    if not failed:
        return Impact(0.0, 0)
    first = min(failed, key=lambda one: one.began)
    ends = []
    for kind in {one.kind for one in failed}:
        last = max(one.ended for one in failed if one.kind == kind)
        ends.append(min((one.ended for one in attempts if _came(one, kind, last)), default=None))
    if None in ends:
        return Impact(None, len(failed), first.error)
    over = max(one for one in ends if one is not None)
    return Impact(over - max(first.began, since), len(failed), first.error)


def _came(one: Attempt, kind: str, after: float) -> bool:
    return one.kind == kind and not one.error and one.ended > after
