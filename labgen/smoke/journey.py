"""The journey: what a user would do, step by step, at every site of a lab (catalogue/journey.yaml)."""

from __future__ import annotations

import secrets
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from labgen.catalogue.model import Scope
from labgen.smoke.machine import Machine, lay_ground
from labgen.smoke.model import Fault, Journey, Step, StepFailed
from labgen.smoke.stream import listening
from labgen.smoke.ways import crossings, told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from labgen.catalogue.model import JourneyStep
    from labgen.plan.model import LabPlan, Site
    from labgen.smoke.client import Document, Platform
    from labgen.smoke.machine import Ground
    from labgen.smoke.stream import Stream

    Act = Callable[[], Awaitable[tuple[str, Document]]]

__all__ = ["travel"]


async def travel(
    platform: Platform,
    plan: LabPlan,
    steps: Sequence[JourneyStep],
    *,
    seconds: float,
    tell: Callable[[Step], None],
) -> Journey:
    """Make every step at every site, until one fails; what was made is removed in any case.

    `seconds` bounds each single wait, `tell` hears of each step that is done.
    """
    traveller = _Traveller(platform, plan, seconds)
    done: list[Step] = []
    try:
        for site in sorted(plan.sites, key=lambda one: one.scope is not Scope.PLATFORM):
            for step in (one for one in steps if one.scope is site.scope):
                began = time.perf_counter()
                try:
                    seen, task = await traveller.acts(site)[step.id]()
                except StepFailed as error:
                    servers = (error.fault,) if error.fault else ()
                    return Journey(plan.name, tuple(done), Fault(step.id, site.name, error.message, servers))
                crossed = told(task, crossings(plan, step, site.name))
                ms = (time.perf_counter() - began) * 1000
                done.append(Step(step.id, site.name, step.title, ms, seen, crossed))
                tell(done[-1])
        return Journey(plan.name, tuple(done))
    finally:
        await traveller.leave()


class _Traveller:
    """What the steps leave to each other."""

    def __init__(self, platform: Platform, plan: LabPlan, seconds: float) -> None:
        self._platform, self._plan, self._seconds = platform, plan, seconds
        self._name = f"smoke-{secrets.token_hex(3)}"
        self._rest = AsyncExitStack()
        self._user: Document = {}
        self._stream: Stream
        self._ground: Ground | None = None
        self._machine: Machine | None = None

    def acts(self, site: Site) -> dict[str, Act]:
        """Return what each step of the catalogue does at `site`."""
        return {
            "login": self._login,
            "stream": self._listen,
            "place": lambda: self._place(site.name),
            "deploy": self._deploy,
            "event": self._event,
            "console": self._console,
            "poweroff": self._power_off,
            "undeploy": self._undeploy,
            "remove": self._remove,
        }

    @property
    def machine(self) -> Machine:
        """The machine of the site where we are. Raises StepFailed when no step has made one."""
        if self._machine is None:
            raise StepFailed("no machine was made before this step")
        return self._machine

    async def _login(self) -> tuple[str, Document]:
        self._user = await self._platform.login()
        return f"user {self._user.get('nick')}", {}

    async def _listen(self) -> tuple[str, Document]:
        self._stream = await self._rest.enter_async_context(listening(self._platform))
        return "the stream is open", {}

    async def _place(self, site: str) -> tuple[str, Document]:
        self._ground = await lay_ground(self._platform, self._user, site, f"{self._name}-{site}")
        self._machine = await Machine.make(self._platform, self._ground, f"{self._name}-{site}")
        return f"{self._machine.label} of template {self._ground.template.get('name')}", {}

    async def _deploy(self) -> tuple[str, Document]:
        task = await self.machine.act("deploy", self._seconds)
        await self.machine.expect("ON")
        return f"ON, task {task['taskId']}", task

    async def _event(self) -> tuple[str, Document]:
        event = await self.machine.told(self._stream, "DEPLOY_FINISH", self._seconds)
        return f"{event['action']} after {len(self._stream.events)} events", {}

    async def _console(self) -> tuple[str, Document]:
        frame = await self.machine.screen(self._seconds)
        if frame.colours <= 1:
            raise StepFailed(f"the screen of {self.machine.label} stays blank ({frame.width}x{frame.height})")
        return f"{frame.width}x{frame.height}, {frame.colours} colours", {}

    async def _power_off(self) -> tuple[str, Document]:
        task = await self.machine.switch("OFF", self._seconds)
        await self.machine.expect("OFF")
        return f"OFF, task {task['taskId']}", task

    async def _undeploy(self) -> tuple[str, Document]:
        task = await self.machine.act("undeploy", self._seconds)
        await self.machine.expect("NOT_ALLOCATED")
        return f"NOT_ALLOCATED, task {task['taskId']}", task

    async def _remove(self) -> tuple[str, Document]:
        machine, ground = self.machine, self._ground
        await machine.away(self._seconds)
        self._machine = None
        if ground is not None:
            await ground.clear(self._platform)
        self._ground = None
        return "nothing is left", {}

    async def leave(self) -> None:
        """Remove what a step that failed has left; what cannot be removed now stays, with its name."""
        with suppress(StepFailed):
            if self._machine is not None:
                await self._machine.away(self._seconds)
            if self._ground is not None:
                await self._ground.clear(self._platform)
        await self._rest.aclose()
