"""Many deployments at once: each machine is seen running and undeployed again, and each is accounted for."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from labgen.smoke.client import href
from labgen.smoke.machine import Machine, lay_ground
from labgen.smoke.model import Load, StepFailed, Trip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labgen.plan.model import LabPlan
    from labgen.smoke.client import Platform
    from labgen.smoke.machine import Ground

__all__ = ["carry"]

_APART = 0.1  # seconds between the beginnings of those that are the first at the same time


async def carry(
    platform: Platform,
    plan: LabPlan,
    sites: Sequence[str],
    *,
    number: int,
    concurrency: int,
    seconds: float,
    tell: Callable[[Trip], None],
) -> Load:
    """Deploy `number` machines, `concurrency` at a time, over `sites`. Raises StepFailed before the first.

    They begin a moment apart, as users do: what all do in one instant says how long the last one waits, and
    nothing else. A trip that fails is told with the rest; what it left is removed, as far as the platform
    lets us.
    """
    user = await platform.login()
    name = f"load-{secrets.token_hex(3)}"
    grounds: list[Ground] = []
    began = time.perf_counter()
    try:
        grounds.extend([await lay_ground(platform, user, site, f"{name}-{site}") for site in sites])
        turns = asyncio.Semaphore(concurrency)

        async def one(index: int) -> Trip:
            await asyncio.sleep(_APART * min(index, concurrency))
            async with turns:
                trip = await _trip(platform, grounds[index % len(grounds)], f"{name}-{index + 1}", seconds)
                tell(trip)
                return trip

        trips = await asyncio.gather(*(one(index) for index in range(number)))
        left = [
            str(document["label"])
            for ground in grounds
            async for document in platform.every(href(ground.virtual_appliance, "virtualmachines"))
        ]
    finally:
        for ground in grounds:
            with suppress(StepFailed):
                await ground.clear(platform)
    return Load(
        plan.name,
        concurrency,
        tuple(trips),
        tuple(left),
        tuple(platform.answers),
        time.perf_counter() - began,
    )


async def _trip(platform: Platform, ground: Ground, label: str, seconds: float) -> Trip:
    machine: Machine | None = None
    running: float | None = None
    undeployed: float | None = None
    error = fault = ""
    began = time.perf_counter()
    try:
        machine = await Machine.make(platform, ground, label)
        await machine.act("deploy", seconds)
        await machine.expect("ON")
        running = (time.perf_counter() - began) * 1000
        await machine.act("undeploy", seconds)
        await machine.expect("NOT_ALLOCATED")
        undeployed = (time.perf_counter() - began) * 1000
    except StepFailed as failure:
        error, fault = failure.message, failure.fault
    if machine is not None:
        try:
            await machine.away(seconds)
        except StepFailed as failure:
            error, fault = error or failure.message, fault or failure.fault
    return Trip(label, ground.site, running, undeployed, error, fault)
