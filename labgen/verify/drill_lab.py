"""A drill on a lab that runs: who may be drilled, and the effects; whatever happens, wires are healed."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

import requests
from docker.errors import DockerException

from labgen.engine.cuts import Wire, change_cuts, cut_wires
from labgen.engine.events import Emit, Event, Subject, ignore
from labgen.engine.observe import NodeState, observe
from labgen.engine.watchers import Sign, Watchers, pause_of
from labgen.errors import LabgenError, first_line
from labgen.smoke.run import users_of
from labgen.verify.drill import RECOVERY, Drill, drill, watched_of
from labgen.verify.lab import lab_secrets
from labgen.verify.report.tally import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType, TracebackType

    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan
    from labgen.smoke.users import Attempt, Users

__all__ = ["Interrupts", "drill_lab", "healthy_nodes", "ill_nodes", "lost_writes"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WINDOW: Final = 6.0  # seconds that a wire stays cut, at least:
_NOTICE: Final = 4.0  # what a check needs to notice it, after the pause between two of them
_AT_THE_END: Final = 40.0  # seconds: the engine looks every ten, and gives a check up after six
_LOOK_AGAIN: Final = 1.0


class Interrupts(AbstractContextManager["Interrupts"]):
    """Ctrl-C, and being told to end: the first raises KeyboardInterrupt, and all others are too late.

    So what has to be undone is undone, whoever is impatient. Only the main thread hears of them.
    """

    def __init__(self) -> None:
        self._heard = self._held = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._hear) for one in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, before in self._before.items():
            signal.signal(one, before)  # type: ignore[arg-type]  # it is what signal() returned

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let an interrupt wait for the end of the block."""
        heard = self._heard
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._heard and not heard:
            raise KeyboardInterrupt

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        first = not self._heard
        self._heard = True
        if first and not self._held:
            raise KeyboardInterrupt


def drill_lab(
    engine: Engine,
    state: LabState,
    plan: LabPlan,
    wires: Sequence[Wire],
    *,
    window: float | None = None,
    within: float | None = None,
    emit: Emit = ignore,
) -> Drill:
    """Cut each of `wires` of a healthy lab for `window` seconds; return who noticed, and what users felt.

    Without a window it is as long as every node needs to notice; all have to be well again `within` so many
    seconds, without it 40. Where users have no way in, the drill goes without them. No wire is cut
    afterwards, whatever ends the drill. Raises LabgenError when the lab is not healthy or has cut wires,
    before anything is cut; or when a wire could not be cut or healed.
    """
    running = _ready(engine, state, plan)
    containers = {name: running[name] for name in watched_of(plan, wires)}
    pause = pause_of(len(containers), len(plan.nodes))
    # In tenths, as people read it, and never shorter.
    window = window or max(_WINDOW, math.ceil(10 * (pause + _NOTICE)) / 10)
    emit(
        Event(
            Subject.STEP,
            f"watching {len(containers)} nodes; {count(len(wires), 'wire')}, each cut for {window:g} s",
        )
    )
    with Interrupts() as interrupts, ExitStack() as stack:
        users, unused = _enter(stack, plan, state)
        emit(Event(Subject.STEP, unused or "users begin: one reads, one writes"))
        watchers = stack.enter_context(Watchers(engine, containers, pause))
        effects = _Lab(engine, state, plan, watchers, interrupts, users)
        done = drill(
            plan,
            wires,
            effects,
            window=window,
            within=within or RECOVERY,
            tell=lambda step: emit(Event(Subject.STEP, step)),
        )
        if users is not None:
            emit(Event(Subject.STEP, f"looking for {count(users.accepted, 'accepted write')}"))
    if users is None:
        done = replace(done, unknown=unused)
    else:
        said = lost_writes(users)
        done = replace(
            done,
            fault="\n".join(one for one in (done.fault, said) if one),
            accepted=users.accepted,
            lost=users.lost,
            unknown=said if users.unknown else "",
        )
    return done if done.fault else replace(done, fault=_left_behind(engine, state, plan))


def _enter(stack: ExitStack, plan: LabPlan, state: LabState) -> tuple[Users | None, str]:
    """Let users begin; return why none could, where it is so."""
    try:
        return stack.enter_context(users_of(plan, lab_secrets(state))), ""
    except LabgenError as error:
        return None, error.message


def lost_writes(users: Users) -> str:
    """Return what is wrong with the writes that users were told are done; empty when all are there."""
    accepted = count(users.accepted, "accepted write")
    if users.unknown:
        return f"nobody knows whether {accepted} are there: {users.unknown}"
    return f"{len(users.lost)} of {accepted} are gone: {', '.join(users.lost[:5])}" if users.lost else ""


class _Lab:
    """The effects of a drill on a running lab."""

    def __init__(
        self,
        engine: Engine,
        state: LabState,
        plan: LabPlan,
        watchers: Watchers,
        interrupts: Interrupts,
        users: Users | None,
    ) -> None:
        self._engine, self._state, self._plan = engine, state, plan
        self._watchers, self._interrupts, self._users = watchers, interrupts, users

    @staticmethod
    def now() -> float:
        return time.monotonic()

    def hear(self, seconds: float) -> Sign | None:
        return self._watchers.hear(seconds)

    def cut(self, wire: Wire) -> None:
        change_cuts(self._engine, self._state, self._plan, cut=[wire])

    def heal(self, wire: Wire) -> None:
        with self._interrupts.held():
            try:
                change_cuts(self._engine, self._state, self._plan, heal=[wire])
            except (LabgenError, DockerException, requests.RequestException, OSError) as error:
                raise LabgenError(
                    f"the wire {wire.one} - {wire.other} is cut and could not be healed: {first_line(error)}",
                    f"`labgen heal {wire.one} {wire.other} --lab {self._plan.name}` plugs it in again.",
                ) from error

    def cuts(self) -> Sequence[Wire]:
        return cut_wires(self._state)

    def attempts(self, since: float) -> Sequence[Attempt] | None:
        return None if self._users is None else self._users.since(since)


def _ready(engine: Engine, state: LabState, plan: LabPlan) -> dict[str, str]:
    """Return the container of every node of a lab that may be drilled. Raises LabgenError."""
    if cuts := cut_wires(state):
        raise LabgenError(
            f"lab '{plan.name}' has wires that are cut already: {_listed(cuts)}",
            f"A drill leaves no wire cut, and these are yours: `labgen heal --lab {plan.name}` first.",
        )
    return healthy_nodes(engine, plan)


def healthy_nodes(engine: Engine, plan: LabPlan) -> dict[str, str]:
    """Return the container of every node. Raises LabgenError when one is not healthy."""
    ill, containers = ill_nodes(engine, plan)
    if ill:
        raise LabgenError(
            f"lab '{plan.name}' is not healthy, and a drill begins with a healthy one:\n" + _lines(ill),
            f"`labgen up {plan.name}` repairs a lab; `labgen status {plan.name}` shows its nodes.",
        )
    return containers


def ill_nodes(engine: Engine, plan: LabPlan) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is said of each node that is not healthy, and the container of each that is."""
    running = observe(engine, plan.name)
    ill, containers = {}, {}
    for name in plan.node_by_name:
        status = running.get(name)
        if status is not None and status.state is NodeState.HEALTHY:
            containers[name] = status.container
        else:
            ill[name] = f"{status.state} ({status.detail})" if status else str(NodeState.MISSING)
    return ill, containers


def _lines(ill: Mapping[str, str]) -> str:
    return "\n".join(f"  {name}: {said}" for name, said in ill.items())


def _left_behind(engine: Engine, state: LabState, plan: LabPlan) -> str:
    """Return what is not as before: who is not healthy, also for the engine, and which wires are cut."""
    deadline = time.monotonic() + _AT_THE_END
    while (ill := ill_nodes(engine, plan)[0]) and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN)
    if ill:
        return "after the drill some nodes are not healthy:\n" + _lines(ill)
    if cuts := cut_wires(state):
        return f"after the drill some wires are cut: {_listed(cuts)}"
    return ""


def _listed(wires: Sequence[Wire]) -> str:
    return ", ".join(f"{one.one} - {one.other}" for one in wires)
