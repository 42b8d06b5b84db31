"""The drill of nodes on a lab that runs: who is hit, by what, and who is asked how it is."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import requests
from docker.errors import DockerException

from labgen.catalogue.load import default_catalogue
from labgen.engine.events import Emit, Event, Subject, ignore
from labgen.engine.observe import last_check, observe
from labgen.engine.once import words_of
from labgen.errors import LabgenError
from labgen.smoke.run import users_of
from labgen.smoke.users import PATIENCE
from labgen.verify.drill_lab import Interrupts, healthy_nodes, ill_nodes, lost_writes
from labgen.verify.faults import REJOIN, Blow, Faults, Kind, hit_all
from labgen.verify.report.tally import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan
    from labgen.smoke.users import Attempt, Users

__all__ = ["hit_lab", "targets_of"]

_GRACE: Final = 10  # seconds for a server to end by itself


def targets_of(
    plan: LabPlan, groups: Sequence[tuple[str, ...]]
) -> list[tuple[tuple[str, ...], bool, float | None]]:
    """Return each group of nodes, whether enough others of their roles remain, and the bound then."""
    roles = default_catalogue().roles
    every = Counter((node.role, node.site) for node in plan.nodes)
    found = []
    for names in groups:
        nodes = [plan.node_by_name[name] for name in names]
        gone = Counter((node.role, node.site) for node in nodes)
        # A cluster goes on with more than half of its members; what is only there twice, with one.
        spare = all(gone[place] < every[place] and _goes_on(every[place], gone[place]) for place in gone)
        bounds = [roles[node.role].failover for node in nodes]
        known = [one for one in bounds if one is not None]
        found.append((names, spare, max(known) if known and len(known) == len(bounds) else None))
    return found


def _goes_on(every: int, gone: int) -> bool:
    return every == gone + 1 if every == 2 else 2 * gone < every  # noqa: PLR2004 - a pair has no majority


def hit_lab(
    engine: Engine,
    plan: LabPlan,
    secrets: Mapping[str, str],
    groups: Sequence[tuple[str, ...]],
    kind: Kind,
    *,
    within: float | None = None,
    emit: Emit = ignore,
) -> Faults:
    """Hit each group of nodes of a healthy lab while users go on; return what came of it.

    All have to be well `within` so many seconds after a node's return, without it 120. Every node runs again
    afterwards, whatever ends the drill. Raises LabgenError when the lab is not healthy, has no way in for
    users, or a node could not be hit or healed.
    """
    lab = _Lab(engine, plan)
    healthy_nodes(engine, plan)
    began = time.monotonic()
    emit(Event(Subject.STEP, "users begin: one reads, one writes"))
    with Interrupts() as interrupts, users_of(plan, secrets) as users:
        lab.users, lab.interrupts = users, interrupts
        # Who waits for a server that hangs learns of it by giving up: no cluster can help with that.
        more = PATIENCE if kind is Kind.PAUSE else 0.0
        targets = [
            (names, spare, bound if bound is None else bound + more)
            for names, spare, bound in targets_of(plan, groups)
        ]
        blows = hit_all(
            targets,
            kind,
            lab,
            within=within or REJOIN,
            tell=lambda step: emit(Event(Subject.STEP, step)),
        )
        blows = [replace(one, late=_explained(engine, plan, one.late)) for one in blows]
        emit(Event(Subject.STEP, f"looking for {count(users.accepted, 'accepted write')}"))
        users.finish()
    done = Faults(plan.name, plan.size, tuple(blows), time.monotonic() - began, users.accepted, users.lost)
    return replace(done, fault=_fault(blows, users))


def _explained(engine: Engine, plan: LabPlan, late: Mapping[str, str]) -> dict[str, str]:
    """Return who is late, with what the health check of each says as well."""
    running = observe(engine, plan.name) if late else {}
    return {
        name: f"{said}: {words}" if name in running and (words := last_check(engine, running[name])) else said
        for name, said in late.items()
    }


def _fault(blows: Sequence[Blow], users: Users) -> str:
    found = [one.fault for one in blows if one.fault]
    if lost := lost_writes(users):
        found.append(lost)
    return "\n".join(found)


class _Lab:
    """The effects on a running lab."""

    users: Users
    interrupts: Interrupts

    def __init__(self, engine: Engine, plan: LabPlan) -> None:
        self._engine, self._plan = engine, plan

    @staticmethod
    def now() -> float:
        return time.monotonic()

    @staticmethod
    def wait(seconds: float) -> None:
        time.sleep(seconds)

    def attempts(self, since: float) -> Sequence[Attempt]:
        return self.users.since(since)

    def ill(self) -> dict[str, str]:
        return ill_nodes(self._engine, self._plan)[0]

    def hit(self, kind: Kind, nodes: Sequence[str]) -> None:
        api = self._engine.sdk.api
        does = {
            Kind.KILL: api.kill,
            Kind.STOP: lambda one: api.stop(one, timeout=_GRACE),
            Kind.PAUSE: api.pause,
            Kind.RESTART: lambda one: api.restart(one, timeout=_GRACE),
        }[kind]
        self._all(nodes, does, str(kind))

    def heal(self, kind: Kind, nodes: Sequence[str]) -> None:
        if kind is Kind.RESTART:
            return
        api = self._engine.sdk.api
        with self.interrupts.held():
            self._all(nodes, self._resume if kind is Kind.PAUSE else api.start, "start again")

    def _resume(self, container: str) -> None:
        if self._engine.sdk.api.inspect_container(container)["State"]["Paused"]:
            self._engine.sdk.api.unpause(container)

    def _all(self, nodes: Sequence[str], does: object, word: str) -> None:
        running = observe(self._engine, self._plan.name)

        def act(node: str) -> str:
            try:
                does(running[node].container)  # type: ignore[operator]
            except (DockerException, requests.RequestException, KeyError) as error:
                reason = words_of(error)
                return f"  {node}: {reason}"
            return ""

        with ThreadPoolExecutor(len(nodes)) as pool:
            refused = [one for one in pool.map(act, nodes) if one]
        if refused:
            raise LabgenError(
                f"the engine does not {word}:\n" + "\n".join(refused),
                f"`labgen up {self._plan.name}` lets every node run again.",
            )
