"""Servers killed while deploys are in flight: what a client was told of is done, and done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from labgen.engine.client import Engine
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState
from labgen.smoke.run import address_of
from labgen.smoke.stream import listening
from labgen.verify.lab import lab_secrets

from .conftest import Cli
from .fleet import GOOD, STARTED, Fleet, fleet
from .lab import PATIENCE, Lab, now, until

#: Who has no part in a deploy is left out: less to start.
_SETTINGS = [f"--set={one}" for one in ("api=2", "novnc=0", "guacamole=0", "client=0", "guest=0")]
#: A remote service works on four at once: when the first is done, others have not begun.
_DATACENTER, _REGION = ("dc1",) * 6, ("pcr1",) * 6
# A disk that no hypervisor of the lab reads as it is, and that does not get smaller by any conversion.
_LARGE = """
cd /var/lib/convert && dd if=/dev/urandom of=raw bs=1M count=48 status=none
qemu-img convert -f raw -O vmdk raw disk && cat disk && rm raw disk
"""
_CONVERTS = "until compgen -G '/var/lib/convert/*' >/dev/null; do :; done"
_CONVERSIONS = """
SELECT conversion.state, job.state FROM template
JOIN conversion ON conversion.template_id = template.id JOIN job ON job.id = conversion.job_id"""
_BOTH = (*_DATACENTER, "pcr1", "pcr1")


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed, and the sites that deploys are in flight at; `early`: before any of them is done."""

    name: str
    nodes: tuple[str, ...]
    sites: tuple[str, ...]
    early: bool = False


_RS, _PRS = ("dc1-rs-1", "dc1-redis-1", "dc1-dhcp-1"), ("pcr1-prs-1", "pcr1-redis-1")
#: Whole servers of the documents, and several at once: each case takes as long as its slowest server.
_KILLS = (
    Kill("api-and-m", ("api-1", "api-2", "m-1"), _BOTH, early=True),
    Kill("rs-and-prs", (*_RS, *_PRS), _BOTH),
    Kill("services", ("rabbitmq-1", "redis-1", "zookeeper-1"), _BOTH),
    Kill("mysql-and-zookeeper", ("mysql-1", "zookeeper-1"), _BOTH),
)


@pytest.fixture(scope="module")
def lab(engine: Engine, cli: Cli) -> Iterator[Lab]:
    """A small lab with two API nodes."""
    name = cli.lab("redelivery")
    cli.run("up", name, "--size", "small", *_SETTINGS)
    state = LabState(name, cli.state / "labs" / name)
    plan = plan_of_lab(state)
    running = Lab(engine, plan, address_of(plan, lab_secrets(state)))
    asyncio.run(until(lambda: bool(running.hosts()), "a hypervisor is known"))
    yield running
    cli.run("down", name)


async def deploy(ours: Fleet, *, early: bool) -> list[str]:
    """Ask for every machine's deploy; return their tasks once they are in flight."""
    tasks = await ours.ask("deploy")

    def amid() -> bool:
        states = ours.states()
        assert states[STARTED], f"all is done before a server could be killed: {states}"
        return early or bool(states[GOOD])

    await until(amid, "some deploys are in flight")
    return tasks


async def check_done_once(ours: Fleet, tasks: list[str], began: int, killed: int) -> None:
    """Make sure that each task ended well, some of them after the kill, and that each was done once."""
    ended = await ours.ended(tasks)
    assert [one.get("error") for one in ended if one["state"] != GOOD] == []
    assert [one for one in ended if one["timestamp"] > killed], "the server was killed when all was done"
    for action in ("DEPLOY_START", "DEPLOY_FINISH"):
        assert await ours.events(action, began) == Counter(one["taskId"] for one in ended), action
    assert ours.accounts() == {one: [True] for one in ours.uuids}


async def check_running(ours: Fleet) -> None:
    """Make sure that each machine runs once, and is shown so."""
    assert ours.running() == dict.fromkeys(ours.uuids, 1)
    assert await ours.shown() == ["ON"] * len(ours.machines)


async def check_undeployed(ours: Fleet, began: int) -> None:
    """Take every machine away, hear of it in the event stream, and make sure that nothing is left."""
    async with listening(ours.platform) as stream:
        ended = await ours.ended(await ours.ask("undeploy"))
        assert [one.get("error") for one in ended if one["state"] != GOOD] == []
        for machine in ours.machines:
            await machine.told(stream, "UNDEPLOY_FINISH", PATIENCE)
        told = Counter(one["context"] for one in stream.events if one["action"] == "UNDEPLOY_FINISH")
    assert told == Counter(one["taskId"] for one in ended)
    assert await ours.events("UNDEPLOY_FINISH", began) == told
    assert ours.accounts() == {one: [False] for one in ours.uuids}
    assert await ours.shown() == ["NOT_ALLOCATED"] * len(ended)
    assert ours.running() == dict.fromkeys(ours.uuids, 0)
    assert not ours.lab.disks() & set(ours.uuids)


@pytest.mark.parametrize("case", _KILLS, ids=lambda case: str(case.name))
def test_what_was_accepted_is_done_once_though_servers_are_killed(lab: Lab, case: Kill) -> None:
    async def story() -> None:
        began = now()
        async with fleet(lab, case.sites) as ours:
            tasks = await deploy(ours, early=case.early)
            killed = await asyncio.to_thread(lab.kill, case.nodes)
            await asyncio.to_thread(lab.start, case.nodes)
            await ours.ended(tasks)
            await lab.whole()
            await check_done_once(ours, tasks, began, killed)
            await check_running(ours)
            await check_undeployed(ours, began)

    asyncio.run(story())


def test_a_hypervisor_and_a_provider_that_are_killed_lose_no_deploy(lab: Lab) -> None:
    """A provider forgets nothing. What ran at the hypervisor dies with it; what was on its way is started."""
    places = ("dc1-hypervisor-1", "pcr1-cloud-1")

    async def story() -> None:
        began = now()
        async with fleet(lab, _BOTH) as ours:
            tasks = await deploy(ours, early=False)
            killed = await asyncio.to_thread(lab.kill, places)
            await asyncio.to_thread(lab.start, places)
            await check_done_once(ours, tasks, began, killed)
            await lab.whole()
            running = ours.running()
            assert max(running.values()) == 1
            assert [running[one] for one, site in zip(ours.uuids, _BOTH, strict=True) if site == "pcr1"] == [
                1,
                1,
            ]
            await ours.become([("OFF", "ON")[running[one]] for one in ours.uuids])
            await check_undeployed(ours, began)

    asyncio.run(story())


def test_the_other_api_node_takes_the_lead_and_the_deploys_in_flight(lab: Lab) -> None:
    """A leader that is killed holds its session for 15 seconds; then the other consumes the queues."""

    async def story() -> None:
        began = now()
        leader, other = await asyncio.to_thread(lab.line, "api-1")
        async with fleet(lab, _BOTH) as ours:
            tasks = await deploy(ours, early=False)
            killed = await asyncio.to_thread(lab.kill, [leader])
            try:
                await until(lambda: lab.line(other) == [other], f"{other} leads", 20)
                await check_done_once(ours, tasks, began, killed)
                await check_running(ours)
            finally:
                await asyncio.to_thread(lab.start, [leader])
            await lab.whole()
            assert await asyncio.to_thread(lab.line, other) == [other, leader]
            await check_undeployed(ours, began)

    asyncio.run(story())


def test_a_conversion_that_bpm_was_killed_amid_is_made_once(lab: Lab) -> None:
    """It takes a while, as its template is large; several deploys wait for the one conversion."""
    name = f"large-{now()}"
    httpx.post(
        f"{lab.address.base}/am/erepos/1/templates",
        params={"name": name, "diskFileFormat": "VMDK_SPARSE", "requiredCpu": 1, "requiredRamInMB": 16},
        content=lab.read("dc1-bpm-1", "sh", "-c", _LARGE),
        auth=(lab.address.user, lab.address.password),
        verify=lab.address.tls(),
        timeout=PATIENCE,
        trust_env=False,
    ).raise_for_status()

    async def story() -> None:
        began = now()
        async with fleet(lab, ("dc1",) * 2, name) as ours:
            # A quick machine is done before it could be asked twice from outside.
            converts = asyncio.create_task(asyncio.to_thread(lab.run, "dc1-bpm-1", "bash", "-c", _CONVERTS))
            tasks = await deploy(ours, early=True)
            await converts
            killed = await asyncio.to_thread(lab.kill, ["dc1-bpm-1"])
            assert ours.states() == {STARTED: 2}
            await asyncio.to_thread(lab.start, ["dc1-bpm-1"])
            await check_done_once(ours, tasks, began, killed)
            assert lab.rows(f"{_CONVERSIONS} WHERE template.name = '{name}'") == [["FINISHED", "DONE"]]
            await check_running(ours)
            await lab.whole()
            await check_undeployed(ours, began)

    asyncio.run(story())
