"""What a journey came to: values only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Crossing", "Fault", "Journey", "Load", "Step", "StepFailed", "Trip"]


class StepFailed(Exception):
    """A step of the journey did not come to its end.

    `fault` names the server that the platform itself holds to be at fault; empty when it says nothing.
    """

    def __init__(self, message: str, fault: str = "") -> None:
        super().__init__(message)
        self.message, self.fault = message, fault


@dataclass(frozen=True, slots=True)
class Crossing:
    """A wire that a step has crossed, and the document row that allows it. `ms` where a server told."""

    source: str
    destination: str
    row: str
    ms: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was made: `ms` until it was over, and what was seen."""

    id: str
    site: str
    title: str
    ms: float
    seen: str
    crossed: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """The step that failed: what was said, and the servers at fault, the likeliest first."""

    step: str
    site: str
    message: str
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """The steps made, in order, and the fault that ended it, if one did."""

    lab: str
    steps: tuple[Step, ...]
    fault: Fault | None = None

    @property
    def ms(self) -> float:
        """How long all steps took together."""
        return sum(step.ms for step in self.steps)


@dataclass(frozen=True, slots=True)
class Trip:
    """One machine of a load: deployed, seen running, and undeployed again. Milliseconds; None if not seen."""

    label: str
    site: str
    running: float | None
    undeployed: float | None
    error: str = ""
    fault: str = ""

    @property
    def whole(self) -> bool:
        """Whether it was seen running and is gone again."""
        return not self.error and self.running is not None and self.undeployed is not None


@dataclass(frozen=True, slots=True)
class Load:
    """Many trips, so many at a time. `left` machines are still there; `answers` are times of GETs in ms."""

    lab: str
    concurrency: int
    trips: tuple[Trip, ...]
    left: tuple[str, ...]
    answers: tuple[float, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Trip, ...]:
        """The trips that were not whole."""
        return tuple(trip for trip in self.trips if not trip.whole)

    def percentile(self, part: float) -> float:
        """Return the time in ms within which `part` (0 to 1) of the GETs were answered; 0 without any."""
        ordered = sorted(self.answers)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
