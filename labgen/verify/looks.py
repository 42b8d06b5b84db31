"""Probes that look around, each in its own time: they need not wait until the lab's plan is known."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from labgen.verify.expect import HOST
from labgen.verify.look import read_look
from labgen.verify.measurement import Answers
from labgen.verify.session import Probe, ProbeBroke
from labgen.verify.strangers import strangers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from types import TracebackType

    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan
    from labgen.verify.places import Places

__all__ = ["Looks", "guarded"]

_PARALLEL: Final = 24
_SECONDS: Final = 60  # that a probe has for everything
_MORE: Final = 2  # seconds more for each node: all probes share the processors with the lab


def guarded(answers: Answers, act: Callable[[], Any]) -> None:
    """Do `act`; when the probe breaks, or says what is no answer, note it, and never ask it again."""
    if answers.broke:
        return
    try:
        act()
    except ProbeBroke as error:
        answers.broke = str(error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        answers.broke = f"the probe's answer is not readable: {type(error).__name__} {error}"


class Looks(AbstractContextManager["Looks"]):
    """The probes of a lab. Each is started and looks around once it is begun; all end with this.

    `since` is when this was made (monotonic seconds), `pool` has a thread for every probe of a small lab.
    """

    def __init__(self, engine: Engine, places: Places) -> None:
        self.since = time.monotonic()
        self.places = places
        self.pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="probe")
        self.probes: dict[str, Probe] = {}
        self._engine = engine
        self._begun: dict[str, Future[Answers]] = {}
        self._stack = ExitStack()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)
        self._stack.close()

    def begin(self, names: Iterable[str], vrrp: Collection[str] = ()) -> None:
        """Start the probes of `names`, where none is; of `vrrp` those that speak VRRP."""
        for name in names:
            if name not in self._begun:
                self._begun[name] = self.pool.submit(self._look, name, vrrp=name in vrrp)

    def begin_inside(self) -> None:
        """Start the probes that need no container made for what they are to speak, and this machine's.

        That one first: it takes longest.
        """
        self.begin([HOST, *self.places.programs])

    def answers(self, name: str) -> Answers:
        """Wait for what the probe of `name`, which is begun, sees. The answers are its own, to go on with."""
        return self._begun[name].result()

    def look_again(self, plan: LabPlan, name: str) -> None:
        """Keep who listens still, where somebody listens whom no row explains.

        A client that waits for an answer by UDP looks like a server meanwhile, and a program may listen for
        a moment to hear from its own.
        """
        answers, probe, node = self.answers(name), self.probes.get(name), plan.node_by_name.get(name)
        first = answers.look
        if probe is None or node is None or first is None:
            return

        def again() -> None:
            still = set(read_look(probe.ask({"op": "look"})).listeners)
            answers.look = replace(first, listeners=tuple(one for one in first.listeners if one in still))

        if strangers(plan, node, first):
            guarded(answers, again)

    def _look(self, name: str, *, vrrp: bool) -> Answers:
        status = self.places.statuses.get(name)
        probe = Probe(
            self._engine,
            self.places.lab,
            self.places.image,
            "host" if status is None else status.network,
            seconds=_SECONDS + len(self.places.statuses) * _MORE,
            vrrp=vrrp,
            program=self.places.programs.get(name, ""),
        )
        answers = Answers()

        def look() -> None:
            self.probes[name] = self._stack.enter_context(probe)
            answers.look = read_look(probe.ask({"op": "look"}))

        guarded(answers, look)
        return answers
