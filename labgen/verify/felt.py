"""What users felt of a fault, by the requests that they made meanwhile: pure, for both kinds of drill."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.smoke.users import Attempt

__all__ = ["CALM", "Impact", "calm", "impact_of"]

#: Seconds without a failed request after which users are well.
CALM: Final = 2.0
_ENOUGH: Final = 3  # requests of each kind that must have come through in them


@dataclass(frozen=True, slots=True)
class Impact:
    """What users felt: seconds from the first request that failed to the first that came through after all.

    `failed` counts requests, `said` is what the first of them was told. `seconds` is None when nothing came
    through any more. `slowest` is how long the slowest request took, whether it failed or not.
    """

    seconds: float | None
    failed: int
    said: str = ""
    slowest: float = field(default=0.0, compare=False)


def impact_of(attempts: Sequence[Attempt], since: float) -> Impact:
    """Return what users felt after `since` by the requests that ended then."""
    failed = [one for one in attempts if one.error]
    slowest = max((one.ended - one.began for one in attempts), default=0.0)
    if not failed:
        return Impact(0.0, 0, slowest=slowest)
    first = min(failed, key=lambda one: one.began)
    ends = []
    for kind in {one.kind for one in failed}:
        last = max(one.ended for one in failed if one.kind == kind)
        ends.append(min((one.ended for one in attempts if _came(one, kind, last)), default=None))
    if None in ends:
        return Impact(None, len(failed), first.error, slowest)
    over = max(one for one in ends if one is not None)
    return Impact(over - max(first.began, since), len(failed), first.error, slowest)


def _came(one: Attempt, kind: str, after: float) -> bool:
    return one.kind == kind and not one.error and one.ended > after


def calm(attempts: Sequence[Attempt]) -> bool:
    """Return whether every kind of user was served often enough in `attempts`, and nobody failed."""
    counts = Counter(one.kind for one in attempts)
    return not any(one.error for one in attempts) and len(counts) > 1 and min(counts.values()) >= _ENOUGH
