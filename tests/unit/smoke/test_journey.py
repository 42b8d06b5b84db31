"""The journey and the load, on a platform in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.smoke import journey as module
from labgen.smoke.console import Frame
from labgen.smoke.load import carry
from labgen.smoke.machine import Machine, lay_ground
from labgen.smoke.model import StepFailed, Trip
from labgen.smoke.stream import Stream

from .platform import Fake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labgen.plan.model import LabPlan
    from labgen.smoke.model import Journey, Step

pytestmark = pytest.mark.anyio


class Told(Stream):
    """A stream on which whatever is waited for has just come."""

    async def wait(self, *_: Any) -> dict[str, Any]:
        return {"action": "DEPLOY_FINISH"}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def listening(_: object) -> AsyncIterator[Stream]:
        yield Told()

    async def screen(_: Machine, __: float) -> Frame:
        return Frame("vm", 720, 400, 3)

    monkeypatch.setattr(module, "listening", listening)
    monkeypatch.setattr(Machine, "screen", screen)


async def travelled(fake: Fake, plan: LabPlan) -> tuple[Journey, list[Step]]:
    heard: list[Step] = []
    async with fake.platform() as platform:
        done = await module.travel(platform, plan, default_catalogue().journey, seconds=1, tell=heard.append)
    return done, heard


async def test_every_step_at_every_site(small_plan: LabPlan) -> None:
    fake = Fake()
    done, heard = await travelled(fake, small_plan)
    assert done.fault is None
    assert [(step.site, step.id) for step in done.steps] == [
        ("platform", "login"),
        ("platform", "stream"),
        *(
            ("dc1", name)
            for name in ("place", "deploy", "event", "console", "poweroff", "undeploy", "remove")
        ),
        *(("pcr1", name) for name in ("place", "deploy", "event", "poweroff", "undeploy", "remove")),
    ]
    assert heard == list(done.steps)
    assert fake.things == {}, "nothing is left at the platform"


async def test_a_step_shows_what_a_server_told(small_plan: LabPlan) -> None:
    done, _ = await travelled(Fake(), small_plan)
    deploy = next(step for step in done.steps if (step.id, step.site) == ("deploy", "dc1"))
    assert [(one.row, one.ms) for one in deploy.crossed if one.ms is not None] == [("39", 12.5)]


async def test_the_step_that_fails_ends_it_and_nothing_is_left(small_plan: LabPlan) -> None:
    fake = Fake(broken={"deploy": ("the share does not answer", "dc1-nfs-1")})
    done, _ = await travelled(fake, small_plan)
    assert done.fault is not None
    assert (done.fault.step, done.fault.site) == ("deploy", "dc1")
    assert (done.fault.message, done.fault.servers) == ("the share does not answer", ("dc1-nfs-1",))
    assert [step.id for step in done.steps] == ["login", "stream", "place"]
    assert fake.things == {}


async def test_half_made_ground_is_taken_back(small_plan: LabPlan) -> None:
    fake = Fake(refused={"virtualappliances": 409})
    done, _ = await travelled(fake, small_plan)
    assert done.fault is not None
    assert done.fault.message.endswith("virtualappliances: 409 refused on purpose (409-X)")
    assert fake.things == {}


async def test_a_site_that_the_platform_does_not_know(small_plan: LabPlan) -> None:
    done, _ = await travelled(Fake(sites=("dc1",)), small_plan)
    assert done.fault is not None
    assert (done.fault.site, done.fault.step) == ("pcr1", "place")
    assert done.fault.message == "the platform has no datacenter or region 'pcr1'"


async def test_each_machine_of_a_load_is_accounted_for(small_plan: LabPlan) -> None:
    fake, heard = Fake(), list[Trip]()
    async with fake.platform() as platform:
        load = await carry(
            platform, small_plan, ["dc1"], number=7, concurrency=3, seconds=1, tell=heard.append
        )
    assert (len(load.trips), load.failed, load.left) == (7, (), ())
    assert len({trip.label for trip in load.trips}) == len(heard) == 7
    assert fake.things == {}


async def test_a_load_tells_its_failures_and_what_is_left(small_plan: LabPlan) -> None:
    fake = Fake(broken={"undeploy": ("the host is away", "dc1-hypervisor-1")})
    async with fake.platform() as platform:
        load = await carry(
            platform, small_plan, ["dc1"], number=2, concurrency=2, seconds=1, tell=lambda _: None
        )
    assert [(one.error, one.fault) for one in load.failed] == [("the host is away", "dc1-hypervisor-1")] * 2
    assert all(one.running is not None and one.undeployed is None for one in load.trips)
    assert sorted(load.left) == sorted(one.label for one in load.trips)


async def test_a_load_that_cannot_begin(small_plan: LabPlan) -> None:
    async with Fake(refused={"GET /api/r": 503}).platform() as platform:
        with pytest.raises(StepFailed, match="GET /api/r: 503"):
            await carry(
                platform, small_plan, ["dc1"], number=1, concurrency=1, seconds=1, tell=lambda _: None
            )


async def test_a_machine_whose_wait_was_given_up_is_removed_when_its_task_is_done(
    small_plan: LabPlan,
) -> None:
    fake = Fake(slow={"deploy": 2})
    async with fake.platform() as platform:
        load = await carry(
            platform, small_plan, ["dc1"], number=1, concurrency=1, seconds=0.4, tell=lambda _: None
        )
    assert [trip.error for trip in load.trips] == ["task task-4 is STARTED after 0.4 s"]
    assert load.left == ()
    assert not fake.things


async def test_a_machine_that_stays_locked_is_told() -> None:
    fake = Fake(slow={"deploy": 100})
    async with fake.platform() as platform:
        ground = await lay_ground(platform, await platform.login(), "dc1", "ground")
        machine = await Machine.make(platform, ground, "vm")
        with pytest.raises(StepFailed, match=r"task task-4 is STARTED"):
            await machine.act("deploy", 0.3)
        with pytest.raises(StepFailed, match=r"the machine vm is still LOCKED after 0\.3 s"):
            await machine.away(0.3)
