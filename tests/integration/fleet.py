"""Machines that a client has on their way, while servers of the lab are killed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from labgen.smoke.client import Document, Platform, href
from labgen.smoke.machine import Ground, Machine, lay_ground
from labgen.smoke.model import StepFailed

from .lab import PATIENCE, POLL, Lab, now

STARTED, GOOD = "STARTED", "FINISHED_SUCCESSFULLY"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines of one client, who was told of a task for each action."""

    lab: Lab
    platform: Platform
    machines: tuple[Machine, ...]

    @property
    def uuids(self) -> list[str]:
        return [str(one.document["uuid"]) for one in self.machines]

    async def ask(self, rel: str) -> list[str]:
        """Ask for an action of every machine at once; each is accepted. Return where its task is."""
        accepted = await asyncio.gather(
            *(self.platform.post(href(one.document, rel), "virtualmachinetask") for one in self.machines)
        )
        return [href(one, "status") for one in accepted]

    async def ended(self, tasks: Sequence[str]) -> list[Document]:
        """Follow tasks to their end, however often the platform does not answer meanwhile."""

        async def follow(where: str) -> Document:
            task: Document = {}
            deadline = time.monotonic() + PATIENCE
            while task.get("state", STARTED) == STARTED:
                left = f"{where} has not ended within {PATIENCE:g} s: {task}; unwell: {self.lab.unwell()}"
                assert time.monotonic() < deadline, left
                with suppress(StepFailed):
                    task = await self.platform.get(where)
                await asyncio.sleep(POLL)
            return task

        return list(await asyncio.gather(*(follow(one) for one in tasks)))

    def states(self) -> Counter[str]:
        """Return how many of the machines' deploys are in which state, as MySQL has it."""
        uuids = ", ".join(f"'{one}'" for one in self.uuids)
        statement = (
            "SELECT task.state FROM task JOIN virtualmachine vm ON vm.id = task.owner_id "  # noqa: S608 - ours
            f"WHERE task.owner_kind = 'virtualmachine' AND task.type = 'DEPLOY' AND vm.uuid IN ({uuids})"
        )
        return Counter(state for (state,) in self.lab.rows(statement))

    def accounts(self) -> dict[str, list[bool]]:
        """Return for each machine its accounting rows: whether each is still open."""
        found: dict[str, list[bool]] = {one: [] for one in self.uuids}
        for uuid, stopped in self.lab.rows(
            "SELECT uuid, stopped FROM kinton_accounting.accounting_event_vm ORDER BY id"
        ):
            if uuid in found:
                found[uuid].append(stopped == "0")
        return found

    def running(self) -> dict[str, int]:
        """Return how often each machine runs, at its hypervisor or provider."""
        there = self.lab.machines()
        return {one: there[one] for one in self.uuids}

    async def shown(self) -> list[str]:
        """Return the state of each machine, as the API shows it."""
        return await asyncio.gather(*(one.look() for one in self.machines))

    async def become(self, states: list[str]) -> None:
        """Wait until the API shows these states: VSM looks every second."""
        deadline = time.monotonic() + PATIENCE
        while (shown := await self.shown()) != states:
            assert time.monotonic() < deadline, f"after {PATIENCE:g} s {shown} and not {states}"
            await asyncio.sleep(POLL)

    async def events(self, action: str, since: int) -> Counter[str]:
        """Return how many events of `action` there are of each task, read page by page."""
        where = f"/api/events?action={action}&datefrom={since}&limit=4"
        return Counter([str(one["context"]) async for one in self.platform.every(where)])


@asynccontextmanager
async def fleet(lab: Lab, sites: Sequence[str], template: str = "") -> AsyncIterator[Fleet]:
    """Give machines that are not deployed yet, one for each name in `sites`; they are gone afterwards.

    They are made of the template of that name, or else of the first that there is.
    """
    async with Platform(lab.address) as platform:
        user = await platform.login()
        name = f"fleet-{now()}"
        grounds: dict[str, Ground] = {}
        machines: list[Machine] = []
        try:
            for site in sorted(set(sites)):
                ground = await lay_ground(platform, user, site, f"{name}-{site}")
                grounds[site] = await _with(platform, ground, template) if template else ground
            made = (
                Machine.make(platform, grounds[site], f"{name}-{index}") for index, site in enumerate(sites)
            )
            machines += await asyncio.gather(*made)
            yield Fleet(lab, platform, tuple(machines))
        finally:
            # What a test that failed has left may not be removable; its own words count, not these.
            with suppress(StepFailed):
                await asyncio.gather(*(one.away(PATIENCE) for one in machines))
                for ground in grounds.values():
                    await ground.clear(platform)


async def _with(platform: Platform, ground: Ground, template: str) -> Ground:
    """Return the ground with another template, which the platform may hear of only now."""
    collection = href(ground.template, "edit").rpartition("/")[0]
    deadline = time.monotonic() + PATIENCE
    while True:
        async for one in platform.every(collection):
            if (one["name"], one["state"]) == (template, "DONE"):
                return replace(ground, template=one)
        assert time.monotonic() < deadline, f"no template {template} within {PATIENCE:g} s"
        await asyncio.sleep(POLL)
