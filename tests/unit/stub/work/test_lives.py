"""The life of a virtual machine: every transition, what it leaves behind, and what it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from labgen_stub.messages import Answer, MachineEvent, Work
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.work import answers, changing, sightings, starting

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

pytestmark = pytest.mark.anyio
UUID = "00000000-0000-0000-0000-000000000001"
DISPLAY = {"protocol": "vnc", "host": "kvm-1", "port": 5901}


async def take(kinton: Kinton, answer: Answer) -> set[str]:
    return await kinton.transact(lambda session: answers.take(session, answer))


async def see(kinton: Kinton, state: str, at: int) -> None:
    event = MachineEvent("dc1", "kvm-1", UUID, f"ABQ_{UUID}", state, at)
    await kinton.transact(lambda session: sightings.take(session, event))


async def deploy(kinton: Kinton, number: int) -> str:
    return await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))


async def undeploy(kinton: Kinton, number: int) -> str:
    return await kinton.transact(lambda session: starting.undeploy(session, number, ADMIN))


async def power(kinton: Kinton, number: int, state: str) -> str:
    return await kinton.transact(lambda session: changing.power(session, number, state, ADMIN))


async def running(kinton: Kinton, at: int = 1000, **of: Any) -> int:
    """Return a virtual machine that is deployed and ON."""
    if not kinton.sql("SELECT id FROM machine"):
        kinton.host()
    number = kinton.vm(**of)
    await deploy(kinton, number)
    await take(kinton, answer_to(kinton.last(), at=at, host="kvm-1", display=DISPLAY))
    assert kinton.row(number)["state"] == "ON"
    return number


async def refused(code: str, attempt: Any) -> None:
    with pytest.raises(ApiError) as refusal:
        await attempt
    assert (refusal.value.code, refusal.value.status_code) == (code, 409)


async def test_a_deploy_is_one_transaction_that_locks_places_and_tells(kinton: Kinton) -> None:
    host = kinton.host()
    number = kinton.vm()
    task = await deploy(kinton, number)
    row = kinton.row(number)
    assert (row["state"], row["state_before"], row["task_id"]) == ("LOCKED", "NOT_ALLOCATED", task)
    assert (row["machine_id"], row["mac"], row["address"]) == (host, "52:54:00:00:00:01", "198.18.4.2")
    [(queue, request)] = kinton.requests()
    assert queue == "abiquo.datacenter.requests.dc1.virtualfactory"
    assert (request.work, request.task) == (Work.DEPLOY, task)
    assert request.machine is not None
    assert request.machine.host == "kvm-1"
    assert request.machine.disk is not None
    assert request.machine.disk.path == "1/ready/ready.qcow2"
    assert kinton.task(task)["state"] == "STARTED"
    [event] = kinton.streamed()
    assert (event["action"], event["user"], event["id"]) == ("DEPLOY_START", "admin", 1)
    assert event["entityURI"] == "/api/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/1"
    assert event["context"] == task


async def test_an_answer_counts_once(kinton: Kinton) -> None:
    kinton.host()
    number = kinton.vm()
    task = await deploy(kinton, number)
    answer = answer_to(kinton.last(), host="kvm-1", display=DISPLAY)
    assert await take(kinton, answer) == {task}
    row = kinton.row(number)
    assert (row["state"], row["task_id"], row["state_at"]) == ("ON", None, 1000)
    assert (row["display_host"], row["display_port"]) == ("kvm-1", 5901)
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    before = kinton.connection.total_changes
    assert await take(kinton, answer) == set(), "the second one finds nothing to do"
    assert kinton.connection.total_changes == before
    assert kinton.actions() == ["DEPLOY_START", "DEPLOY_FINISH"]
    assert len(kinton.sql("SELECT * FROM kinton_accounting.accounting_event_vm")) == 1


async def test_accounting_from_deploy_to_undeploy(kinton: Kinton) -> None:
    number = await running(kinton)
    await undeploy(kinton, number)
    await take(kinton, answer_to(kinton.last(), at=5000))
    [row] = kinton.sql("SELECT * FROM kinton_accounting.accounting_event_vm")
    assert (row["started"], row["stopped"], row["ram"], row["uuid"]) == (1000, 5000, 16, UUID)
    vm = kinton.row(number)
    assert (vm["state"], vm["machine_id"], vm["mac"], vm["address"]) == ("NOT_ALLOCATED", None, "", "")
    assert vm["display_port"] == 0


async def test_a_failed_deploy_leaves_nothing_at_the_hypervisor(kinton: Kinton) -> None:
    kinton.host()
    number = kinton.vm()
    task = await deploy(kinton, number)
    await take(kinton, answer_to(kinton.last(), error="no disk space", fault="kvm-1"))
    assert kinton.row(number)["state"] == "LOCKED", "it is not free before all is undone"
    assert kinton.task(task)["state"] == "STARTED"
    undo = kinton.last()
    assert (undo.work, undo.task) == (Work.UNDEPLOY, task)
    assert undo.machine is not None
    assert undo.machine.host == "kvm-1"
    await take(kinton, answer_to(undo))
    assert kinton.row(number)["state"] == "NOT_ALLOCATED"
    ended = kinton.task(task)
    assert (ended["state"], ended["error"]) == ("FINISHED_UNSUCCESSFULLY", "no disk space")
    assert ended["fault"] == "kvm-1"
    assert kinton.actions() == ["DEPLOY_START", "DEPLOY_FAIL"]
    assert not kinton.sql("SELECT * FROM kinton_accounting.accounting_event_vm")


async def test_a_deploy_that_cannot_be_undone_can_be_undeployed_again(kinton: Kinton) -> None:
    kinton.host()
    number = kinton.vm()
    task = await deploy(kinton, number)
    await take(kinton, answer_to(kinton.last(), error="first", fault="kvm-1"))
    await take(kinton, answer_to(kinton.last(), error="second", fault="kvm-1"))
    row = kinton.row(number)
    assert (row["state"], row["task_id"]) == ("UNKNOWN", None)
    assert kinton.task(task)["error"] == "first"
    await undeploy(kinton, number)
    await take(kinton, answer_to(kinton.last()))
    assert kinton.row(number)["state"] == "NOT_ALLOCATED"


@pytest.mark.parametrize(
    ("way", "work"),
    [
        (["OFF"], Work.POWER_OFF),
        (["PAUSED"], Work.PAUSE),
        (["OFF", "ON"], Work.POWER_ON),
        (["PAUSED", "ON"], Work.RESUME),
        (["PAUSED", "OFF"], Work.POWER_OFF),
    ],
)
async def test_power(kinton: Kinton, way: list[str], work: Work) -> None:
    number = await running(kinton)
    for at, state in enumerate(way, 2000):
        task = await power(kinton, number, state)
        assert kinton.row(number)["state"] == "LOCKED"
        await take(kinton, answer_to(kinton.last(), at=at))
        assert kinton.row(number)["state"] == state
        assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    assert kinton.last().work == work


async def test_a_failed_task_puts_the_machine_back(kinton: Kinton) -> None:
    number = await running(kinton)
    for begin in (
        lambda session: changing.power(session, number, "OFF", ADMIN),
        lambda session: changing.reset(session, number, ADMIN),
        lambda session: starting.undeploy(session, number, ADMIN),
        lambda session: changing.instance(session, number, "copy", ADMIN),
    ):
        task = await kinton.transact(begin)
        await take(kinton, answer_to(kinton.last(), error="no way", at=2000))
        assert kinton.row(number)["state"] == "ON"
        failed = kinton.task(task)
        assert (failed["state"], failed["error"]) == ("FINISHED_UNSUCCESSFULLY", "no way")
        assert failed["fault"] == "dc1-rs-1", "whoever answers, when it names nobody"
    assert not kinton.sql("SELECT id FROM template WHERE name = 'copy'")


async def test_new_values_hold_at_once_and_are_taken_back_on_failure(kinton: Kinton) -> None:
    number = await running(kinton)

    async def reconfigure(**values: object) -> str | None:
        return await kinton.transact(lambda session: changing.reconfigure(session, number, values, ADMIN))

    await refused("VM-10", reconfigure(ram=32))
    assert await reconfigure(ram=16, description="hers") is None, "nothing for a hypervisor to do"
    await power(kinton, number, "OFF")
    await take(kinton, answer_to(kinton.last(), at=2000))
    await refused("ALLOC-1", reconfigure(ram=4096))
    await reconfigure(ram=32, cpu=2)
    request = kinton.last()
    assert request.machine is not None
    assert (request.work, request.machine.ram, request.machine.cpu) == (Work.RECONFIGURE, 32, 2)
    await take(kinton, answer_to(request, error="no", at=3000))
    row = kinton.row(number)
    assert (row["state"], row["ram"], row["cpu"], row["description"]) == ("OFF", 16, 1, "hers")
    await reconfigure(ram=32)
    await take(kinton, answer_to(kinton.last(), at=4000))
    assert (kinton.row(number)["state"], kinton.row(number)["ram"]) == ("OFF", 32)
    rows = kinton.sql("SELECT ram, stopped FROM kinton_accounting.accounting_event_vm ORDER BY id")
    assert rows == [{"ram": 16, "stopped": 4000}, {"ram": 32, "stopped": 0}]


async def test_a_snapshot_becomes_a_template(kinton: Kinton) -> None:
    number = await running(kinton)
    await kinton.transact(lambda session: changing.instance(session, number, "copy", ADMIN))
    request = kinton.last()
    target = request.options["target"]
    made = kinton.sql("SELECT * FROM template WHERE name = 'copy'")[0]
    assert (made["state"], made["origin"], made["path"]) == ("IN_PROGRESS", "INSTANCE", target["path"])
    await take(kinton, answer_to(request, at=2000, disk={**target, "size": 77}))
    made = kinton.sql("SELECT * FROM template WHERE name = 'copy'")[0]
    assert (made["state"], made["disk_size"]) == ("DONE", 77)
    assert kinton.row(number)["state"] == "ON"


async def test_what_is_refused(kinton: Kinton) -> None:
    number = kinton.vm()
    kinton.host()
    await refused("VM-3", undeploy(kinton, number))
    await refused("VM-3", power(kinton, number, "ON"))
    assert kinton.actions() == [], "a refusal leaves nothing behind"
    await deploy(kinton, number)
    await refused("VM-2", deploy(kinton, number))
    await refused("VM-2", undeploy(kinton, number))
    await refused("VM-2", power(kinton, number, "OFF"))
    await take(kinton, answer_to(kinton.last(), host="kvm-1"))
    await refused("VM-7", deploy(kinton, number))
    await refused("VM-4", power(kinton, number, "ON"))
    await power(kinton, number, "OFF")
    await take(kinton, answer_to(kinton.last(), at=2000))
    await refused("VM-4", kinton.transact(lambda session: changing.reset(session, number, ADMIN)))
    kinton.sql("UPDATE template SET state = 'IN_PROGRESS' WHERE id = 1")
    await refused("VM-9", deploy(kinton, kinton.vm()))


async def test_in_a_region_the_provider_has_it(kinton: Kinton) -> None:
    number = kinton.vm(template=3, appliance=2)
    await deploy(kinton, number)
    [(queue, request)] = kinton.requests()
    assert queue == "abiquo.datacenter.requests.pcr1.virtualfactory"
    assert request.machine is not None
    assert (request.machine.host, request.machine.mac) == ("", "")
    assert request.machine.disk is not None
    assert request.machine.disk.path == "ami-1"
    await take(kinton, answer_to(request, provider_id="i-1", address="192.0.2.7"))
    row = kinton.row(number)
    assert (row["state"], row["provider_id"], row["address"]) == ("ON", "i-1", "192.0.2.7")


async def test_a_machine_that_changes_by_itself_is_followed(kinton: Kinton) -> None:
    number = await running(kinton, at=1000)
    await see(kinton, "ON", 900)
    await see(kinton, "OFF", 1500)
    assert kinton.row(number)["state"] == "OFF"
    assert kinton.streamed()[-1]["action"] == "STATE_CHANGE"
    assert kinton.streamed()[-1]["details"]["before"] == "ON"
    told = len(kinton.actions())
    await see(kinton, "ON", 1400)
    assert kinton.row(number)["state"] == "OFF", "older news is no news"
    await see(kinton, "OFF", 1500)
    assert len(kinton.actions()) == told, "the same news again is none"
    await see(kinton, "GONE", 1600)
    assert kinton.row(number)["state"] == "UNKNOWN"
    await see(kinton, "ON", 1700)
    assert kinton.row(number)["state"] == "ON"


async def test_news_while_a_task_holds_it_counts_by_its_time(kinton: Kinton) -> None:
    number = await running(kinton, at=1000)
    await power(kinton, number, "OFF")
    await see(kinton, "OFF", 1900)
    assert kinton.row(number)["state"] == "LOCKED"
    await take(kinton, answer_to(kinton.last(), at=2000))
    assert kinton.row(number)["state"] == "OFF"
    await power(kinton, number, "ON")
    # It started, and died before the answer came here.
    await see(kinton, "OFF", 3100)
    await take(kinton, answer_to(kinton.last(), at=3000))
    assert kinton.row(number)["state"] == "OFF", "the later of the two is true"
    assert kinton.row(number)["state_at"] == 3100


async def test_late_news_of_a_former_life_is_no_news(kinton: Kinton) -> None:
    number = await running(kinton, at=1000)
    await undeploy(kinton, number)
    await take(kinton, answer_to(kinton.last(), at=2000))
    await see(kinton, "GONE", 1900)
    assert kinton.row(number)["state"] == "NOT_ALLOCATED"
    await deploy(kinton, number)
    await see(kinton, "GONE", 1950)
    await take(kinton, answer_to(kinton.last(), at=3000, host="kvm-1"))
    assert kinton.row(number)["state"] == "ON"
