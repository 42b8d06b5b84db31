"""A platform whose cluster has lost its quorum, and gets it back: what users are told, and what is kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from labgen.engine.client import Engine
from labgen.engine.observe import observe
from labgen.plan.model import LabPlan
from labgen.smoke.client import Address, Platform
from labgen.smoke.model import StepFailed
from labgen.smoke.run import users_of
from labgen.smoke.users import KINDS, PATIENCE, Attempt, Users
from labgen.verify.drill_lab import ill_nodes
from labgen.verify.felt import CALM, calm

from .fleet import GOOD, Fleet, fleet
from .lab import POLL, Lab, until

#: Seconds in which a cluster must have noticed that it has no quorum: from then on nobody is kept waiting.
NOTICED = 15.0
#: Seconds in which all must be well again, on a machine that does other work as well.
BACK = 240.0
#: How the API refuses: `POST /api/...: 503 why (CODE)`. Another server's refusal has no code.
REFUSED = re.compile(r"\w+ /api/\S+: 5\d\d .+ \([\w-]+\)")


@dataclass(frozen=True, slots=True)
class Outage:
    """What users saw from the moment at which all knew of the outage until it was healed.

    `refusal` is what was said to who asked for a deploy, empty when it was accepted.
    """

    attempts: Sequence[Attempt]
    refusal: str
    accepted: int
    lost: Sequence[str]
    unknown: str

    @property
    def said(self) -> set[str]:
        """What users were told whose request failed."""
        return {one.error for one in self.attempts if one.error} | ({self.refusal} if self.refusal else set())

    def failed(self, kind: str) -> int:
        """How many requests of `kind` failed."""
        return sum(bool(one.error) for one in self.attempts if one.kind == kind)


def without_quorum(
    engine: Engine,
    plan: LabPlan,
    secrets: dict[str, str],
    address: Address,
    gone: Sequence[str],
    start: Callable[[], object],
) -> Outage:
    """Kill the nodes `gone` under load, ask for a deploy, `start` them, and see that all comes right."""
    asyncio.run(_log_in(address))
    with users_of(plan, secrets) as users:
        seen, refusal = asyncio.run(_through(Lab(engine, plan, address), users, gone, start))
        users.finish()
    return Outage(seen, refusal, users.accepted, users.lost, users.unknown)


async def _through(
    lab: Lab, users: Users, gone: Sequence[str], start: Callable[[], object]
) -> tuple[Sequence[Attempt], str]:
    site = lab.plan.sites[1].name
    async with fleet(lab, [site]) as ours:
        await until(lambda: users.accepted >= 10, "users write")
        running = observe(lab.engine, lab.plan.name)
        await asyncio.gather(
            *(asyncio.to_thread(lab.engine.sdk.api.kill, running[one].container) for one in gone)
        )
        noticed = time.monotonic() + NOTICED
        # Each of them has then had an answer to what was asked when all knew.
        await until(lambda: _asked(users.since(noticed), noticed), "users ask", NOTICED + 8 * PATIENCE)
        refusal, tasks = "", []
        try:
            async with asyncio.timeout(2 * PATIENCE):
                tasks = await ours.ask("deploy")
        except StepFailed as failure:
            refusal = failure.message
        seen = [one for one in users.since(noticed) if one.began >= noticed]
        await asyncio.to_thread(start)
        await until(lambda: not ill_nodes(lab.engine, lab.plan)[0], "all are healthy", BACK)
        await until(lambda: calm(users.since(time.monotonic() - CALM)), "users are served", BACK)
        # What was accepted is done now; what was not can be asked for again.
        done = await ours.ended(tasks or await _accepted(ours))
        assert [one["state"] for one in done] == [GOOD], done
    return seen, refusal


async def _log_in(address: Address) -> None:
    """Wait until users may begin: servers that are healthy again may still agree on who is the master."""
    deadline = time.monotonic() + BACK
    async with Platform(address) as platform:
        while time.monotonic() < deadline:
            with suppress(StepFailed):
                await platform.login()
                return
            await asyncio.sleep(POLL)
        await platform.login()


async def _accepted(ours: Fleet) -> list[str]:
    """Ask for the deploy until it is accepted: members that are back may still agree on who leads."""
    deadline = time.monotonic() + BACK
    while True:
        try:
            return await ours.ask("deploy")
        except StepFailed:
            assert time.monotonic() < deadline
            await asyncio.sleep(POLL)


def _asked(attempts: Sequence[Attempt], since: float) -> bool:
    kinds = [one.kind for one in attempts if one.began >= since]
    return all(kinds.count(one) >= 5 for one in KINDS)
