"""Which wires of a lab a step of the journey crosses, from the rows that its step names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.catalogue.model import Scope
from labgen.smoke.model import Crossing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.catalogue.model import JourneyStep
    from labgen.plan.model import LabPlan, Link
    from labgen.smoke.client import Document

__all__ = ["crossings", "nodes_of", "told"]


def crossings(plan: LabPlan, step: JourneyStep, site: str) -> tuple[Crossing, ...]:
    """Return the wires of `step` at `site`, in the order of its rows; rows that the lab lacks are left out.

    Where several nodes of a role share the work, which one did is not known: an end is then all of them.
    """
    found = []
    shared = next(one.name for one in plan.sites if one.scope is Scope.PLATFORM)
    for row in step.rows:
        connection = plan.connection_by_id.get(row)
        if connection is None:
            continue
        found += [
            Crossing(
                _end(plan, link, connection.source),
                f"{_end(plan, link, connection.destination)}:{connection.port}",
                row,
            )
            for link in plan.links
            if row in link.connections and link.site in (site, shared)
        ]
    return tuple(found)


def _end(plan: LabPlan, link: Link, role: str) -> str:
    return "|".join(name for name in link.members if plan.node_by_name[name].role == role)


def told(task: Document, crossed: Iterable[Crossing]) -> tuple[Crossing, ...]:
    """Return `crossed` with the time of each that a server told with its answer in the task's jobs."""
    times: dict[tuple[str, str], float] = {}
    for job in (task.get("jobs") or {}).get("collection", ()):
        for step in job.get("steps") or ():
            key = (str(step.get("connection")), str(step.get("server")))
            times[key] = times.get(key, 0.0) + float(step.get("ms") or 0.0)
    return tuple(
        Crossing(one.source, one.destination, one.row, _time(times, one)) if times else one for one in crossed
    )


def _time(times: Mapping[tuple[str, str], float], one: Crossing) -> float | None:
    servers = one.destination.rpartition(":")[0].split("|")
    return next((times[one.row, name] for name in servers if (one.row, name) in times), None)


def nodes_of(crossed: Iterable[Crossing]) -> tuple[str, ...]:
    """Return every node at either end, each once, in order."""
    names = [
        name
        for one in crossed
        for end in (one.source, one.destination.rpartition(":")[0])
        for name in end.split("|")
    ]
    return tuple(dict.fromkeys(names))
