"""Makes the journey, or many trips, on a lab that runs, and says which server is at fault when it fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from labgen.catalogue.load import default_catalogue
from labgen.catalogue.model import Scope
from labgen.engine.observe import NodeState, observe
from labgen.errors import LabgenError
from labgen.smoke.client import Address, Platform
from labgen.smoke.journey import travel
from labgen.smoke.load import carry
from labgen.smoke.users import Users
from labgen.smoke.ways import crossings, nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan
    from labgen.smoke.model import Fault, Journey, Load, Step, Trip

__all__ = ["address_of", "load_lab", "smoke_lab", "users_of", "with_servers"]


def address_of(plan: LabPlan, secrets: Mapping[str, str]) -> Address:
    """Return where users find the lab's API, and its administrator. Raises LabgenError without a port."""
    token = next(iter(default_catalogue().tokens.values()))
    published = next((one for one in plan.published if one.name == token.publish), None)
    if published is None:
        raise LabgenError(
            f"lab '{plan.name}' publishes no port '{token.publish}', through which a user would come",
            "docs/lab-yaml.md says how to publish it.",
        )
    if token.secret not in secrets:
        raise LabgenError(f"lab '{plan.name}' has no server that knows a user: no '{token.secret}'")
    return Address(f"https://{published.address}", token.user, secrets[token.secret], secrets["ca"])


def users_of(plan: LabPlan, secrets: Mapping[str, str]) -> Users:
    """Return users of a lab, who write at its first site. Raises LabgenError without a port for them."""
    site = next((one.name for one in plan.sites if one.scope is not Scope.PLATFORM), None)
    return Users(address_of(plan, secrets), site)


def smoke_lab(
    engine: Engine,
    plan: LabPlan,
    secrets: Mapping[str, str],
    *,
    seconds: float,
    tell: Callable[[Step], None],
) -> Journey:
    """Make the journey. A fault in it names the servers that are not healthy, or that the platform named."""

    async def go() -> Journey:
        async with Platform(address_of(plan, secrets)) as platform:
            return await travel(platform, plan, default_catalogue().journey, seconds=seconds, tell=tell)

    journey = asyncio.run(go())
    if journey.fault is None:
        return journey
    return replace(journey, fault=with_servers(engine, plan, journey.fault))


def with_servers(engine: Engine, plan: LabPlan, fault: Fault) -> Fault:
    """Return `fault` with the servers at fault: the platform's word, then who is not well on the step's way.

    When all are well there, whoever else is not; the platform's own word may be wrong, the engine's is not.
    """
    running = observe(engine, plan.name)
    sick = [
        node.name
        for node in plan.nodes
        if node.name not in running or running[node.name].state is not NodeState.HEALTHY
    ]
    scope = next((site.scope for site in plan.sites if site.name == fault.site), Scope.PLATFORM)
    way: set[str] = set()
    for step in default_catalogue().journey:
        if (step.id, step.scope) == (fault.step, scope):
            way.update(nodes_of(crossings(plan, step, fault.site)))
    near = [name for name in sick if name in way]
    return replace(fault, servers=tuple(dict.fromkeys([*(near or sick), *fault.servers])))


def load_lab(
    plan: LabPlan,
    secrets: Mapping[str, str],
    *,
    number: int,
    concurrency: int,
    seconds: float,
    tell: Callable[[Trip], None],
) -> Load:
    """Make many trips, spread over the datacenters. Raises StepFailed when not even the first can be made."""
    sites = [site.name for site in plan.sites if site.scope is Scope.DATACENTER]

    async def go() -> Load:
        async with Platform(address_of(plan, secrets)) as platform:
            return await carry(
                platform,
                plan,
                sites,
                number=number,
                concurrency=concurrency,
                seconds=seconds,
                tell=tell,
            )

    return asyncio.run(go())
