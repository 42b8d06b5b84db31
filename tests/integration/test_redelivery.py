"""Servers killed while deploys are in flight: what a client was told of is done, and done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from labgen.engine.client import Engine
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState
from labgen.smoke.run import address_of
from labgen.smoke.stream import listening
from labgen.verify.lab import lab_secrets

from .conftest import Cli
from .fleet import GOOD, PATIENCE, STARTED, Fleet, Lab, fleet, now, until

#: Who has no part in a deploy is left out: less to start.
_SETTINGS = [f"--set={one}" for one in ("api=2", "novnc=0", "guacamole=0", "client=0", "guest=0")]
#: A remote service works on four at once: when the first is done, others have not begun.
_DATACENTER, _REGION = ("dc1",) * 6, ("pcr1",) * 6
_BOTH = (*_DATACENTER, "pcr1", "pcr1")


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed, and the sites that deploys are in flight at; `early`: before any of them is done."""

    name: str
    nodes: tuple[str, ...]
    sites: tuple[str, ...]
    early: bool = False


_KILLS = (
    Kill("api", ("api-1", "api-2"), _BOTH, early=True),
    Kill("m", ("m-1",), _BOTH),
    Kill("rs-server", ("dc1-rs-1", "dc1-redis-1", "dc1-dhcp-1"), _DATACENTER),
    Kill("prs-server", ("pcr1-prs-1", "pcr1-redis-1"), _REGION),
    Kill("services-server", ("rabbitmq-1", "redis-1", "zookeeper-1"), _BOTH),
    Kill("mysql", ("mysql-1",), _BOTH),
)


@pytest.fixture(scope="module")
def lab(engine: Engine, cli: Cli) -> Iterator[Lab]:
    """A small lab with two API nodes."""
    name = cli.lab("redelivery")
    cli.run("up", name, "--size", "small", *_SETTINGS)
    state = LabState(name, cli.state / "labs" / name)
    plan = plan_of_lab(state)
    yield Lab(engine, plan, address_of(plan, lab_secrets(state)))
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
