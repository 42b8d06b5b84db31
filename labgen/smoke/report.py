"""A journey or a load as rows, sentences, and documents with stable keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labgen.smoke.model import Crossing, Fault, Journey, Load, Step

__all__ = [
    "COLUMNS",
    "fault_sentence",
    "journey_document",
    "journey_rows",
    "journey_sentence",
    "load_document",
    "load_sentence",
]

COLUMNS: Final = {"step": "STEP", "site": "SITE", "time": "TIME", "seen": "SEEN", "wires": "WIRES CROSSED"}


def journey_rows(journey: Journey) -> list[dict[str, Any]]:
    """Return a row for each step that was made."""
    return [
        {
            "step": step.title,
            "site": step.site,
            "time": _time(step.ms),
            "seen": step.seen,
            "wires": [_wire(one) for one in step.crossed],
        }
        for step in journey.steps
    ]


def journey_document(journey: Journey) -> dict[str, Any]:
    """Return all of it, times in milliseconds."""
    return {
        "lab": journey.lab,
        "passed": journey.fault is None,
        "ms": round(journey.ms, 1),
        "steps": [_step(step) for step in journey.steps],
        "fault": asdict(journey.fault) if journey.fault else None,
    }


def _step(step: Step) -> dict[str, Any]:
    return {**asdict(step), "ms": round(step.ms, 1)}


def journey_sentence(journey: Journey) -> str:
    """Say what was done."""
    wires = {(one.source, one.destination) for step in journey.steps for one in step.crossed}
    return (
        f"lab '{journey.lab}': {len(journey.steps)} steps over {len(wires)} wires in {_time(journey.ms)}; "
        "nothing is left of them"
    )


def fault_sentence(fault: Fault) -> str:
    """Say where it ended, why, and who is at fault."""
    at = f", at fault: {', '.join(fault.servers)}" if fault.servers else ""
    return f"step '{fault.step}' at {fault.site} failed: {fault.message}{at}"


def load_document(load: Load) -> dict[str, Any]:
    """Return all of it, times in milliseconds but for `seconds`."""
    return {
        "lab": load.lab,
        "passed": not load.failed and not load.left,
        "number": len(load.trips),
        "concurrency": load.concurrency,
        "seconds": round(load.seconds, 1),
        "failed": len(load.failed),
        "left": list(load.left),
        "gets": len(load.answers),
        "get_ms": {name: round(load.percentile(part), 1) for name, part in _PARTS.items()},
        "trips": [asdict(trip) for trip in load.trips],
    }


_PARTS: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def load_sentence(load: Load) -> str:
    """Say how many of how many came through, and how quickly the API answered meanwhile."""
    whole = len(load.trips) - len(load.failed)
    left = f"{len(load.left)} left behind" if load.left else "none left behind"
    return (
        f"lab '{load.lab}': {whole} of {len(load.trips)} machines seen running and undeployed again, "
        f"{load.concurrency} at a time, in {load.seconds:.1f} s; {left}; "
        f"{len(load.answers)} GETs, half within {load.percentile(0.5):.0f} ms, "
        f"99 of 100 within {load.percentile(0.99):.0f} ms"
    )


def _time(ms: float) -> str:
    return f"{ms / 1000:.2f} s"


def _wire(one: Crossing) -> str:
    """Return one wire; the row is the document's, the time what a server told."""
    took = f" {one.ms:.0f} ms" if one.ms is not None else ""
    return f"{one.source} > {one.destination} ({one.row}){took}"
