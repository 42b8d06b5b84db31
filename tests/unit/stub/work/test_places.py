"""Where machines go, what they are called on the network, and what they boot from."""

from __future__ import annotations

import pytest
from labgen_stub.messages import Answer, Request, Work
from labgen_stub.webapps.api.work import answers, leases, place, starting

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

pytestmark = pytest.mark.anyio
FULL = "ALLOC-1: No hypervisor of the datacenter has room for the virtual machine"


async def deploy(kinton: Kinton, number: int) -> str:
    return await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))


async def full(kinton: Kinton, number: int, error: str = FULL) -> None:
    """Deploy a machine that finds no place, and see that it is as it was."""
    before = kinton.row(number)
    task = kinton.task(await deploy(kinton, number))
    assert (task["state"], task["error"]) == ("FINISHED_UNSUCCESSFULLY", error)
    assert kinton.row(number) == before


async def take(kinton: Kinton, answer: Answer) -> set[str]:
    return await kinton.transact(lambda session: answers.take(session, answer))


async def test_machines_spread_by_what_is_left_and_never_overbook(kinton: Kinton) -> None:
    # Two and three machines of 32 MiB, each with what QEMU takes for it.
    each = 32 + place.OVERHEAD
    small, large = kinton.host("kvm-1", ram=2 * each), kinton.host("kvm-2", ram=3 * each + 4)
    placed = []
    for _ in range(5):
        number = kinton.vm(ram=32)
        await deploy(kinton, number)
        placed.append(kinton.row(number)["machine_id"])
    assert placed == [large, large, small, large, small]
    await full(kinton, kinton.vm(ram=32))
    kinton.sql("UPDATE machine SET ram = 0 WHERE id = ?", small)
    await deploy(kinton, kinton.vm(ram=32))
    kinton.sql("UPDATE machine SET state = 'STOPPED'")
    await full(kinton, kinton.vm(ram=32))


async def test_a_machine_that_finds_no_room_is_as_before_and_its_task_says_why(kinton: Kinton) -> None:
    kinton.host(ram=16 + place.OVERHEAD)
    first, second = kinton.vm(), kinton.vm()
    await deploy(kinton, first)
    before = kinton.requests()
    await full(kinton, second)
    assert kinton.requests() == before, "nobody is asked for anything"
    assert kinton.actions()[-2:] == ["DEPLOY_START", "DEPLOY_FAIL"]
    told = kinton.streamed()[-1]["details"]
    assert (told["state"], told["label"], told["error"]) == ("NOT_ALLOCATED", "vm 2", FULL)
    await take(kinton, answer_to(kinton.last(), host="kvm-1"))
    await kinton.transact(lambda session: starting.undeploy(session, first, ADMIN))
    await full(kinton, second)
    await take(kinton, answer_to(kinton.last(), at=2000))
    await deploy(kinton, second)
    assert kinton.row(second)["state"] == "LOCKED", "room that is free again is given again"


async def test_addresses_are_unique_and_come_back(kinton: Kinton) -> None:
    kinton.host()
    numbers = [kinton.vm() for _ in range(5)]
    for number in numbers:
        await deploy(kinton, number)
    rows = [kinton.row(number) for number in numbers]
    assert [row["address"] for row in rows] == [f"198.18.4.{last}" for last in range(2, 7)]
    assert len({row["mac"] for row in rows}) == 5
    request = kinton.requests()[1][1]
    await take(kinton, answer_to(request, error="no"))
    await take(kinton, answer_to(kinton.last()))
    again = kinton.vm()
    await deploy(kinton, again)
    assert kinton.row(again)["address"] == "198.18.4.3"


async def test_a_used_up_network_refuses(kinton: Kinton) -> None:
    kinton.host()
    kinton.sql("INSERT INTO service_network (datacenter_id, network) VALUES (1, '192.0.2.0/30')")
    await deploy(kinton, kinton.vm())
    await full(kinton, kinton.vm(), "NET-8: The datacenter's service network has no free address")


def test_cards_and_networks_follow_from_numbers() -> None:
    assert leases.mac(0x1ABCDEF) == "52:54:00:ab:cd:ef"
    assert len({leases.network_of(number) for number in range(128)}) == 128
    assert str(leases.network_of(127)) == "198.19.252.0/22"


def conversions(kinton: Kinton) -> list[Request]:
    return [request for _, request in kinton.requests() if request.work == Work.CONVERT]


async def test_a_conversion_is_made_once_and_starts_all_that_wait(kinton: Kinton) -> None:
    kinton.host()
    numbers = [kinton.vm(template=2) for _ in range(3)]
    owners = [await deploy(kinton, number) for number in numbers]
    [(queue, convert)] = kinton.requests()
    assert queue == "abiquo.datacenter.requests.dc1.bpm"
    assert convert.options["source"] == {"path": "1/tiny/tiny.vmdk", "format": "VMDK_SPARSE", "size": 1000}
    target = convert.options["target"]
    assert target["path"] == "1/tiny/tiny.vmdk-qcow2_sparse.qcow2"
    changed = await take(kinton, answer_to(convert, disk={**target, "size": 5}))
    assert changed == set(owners)
    deploys = [request for _, request in kinton.requests() if request.work == Work.DEPLOY]
    assert sorted(request.task for request in deploys) == sorted(owners)
    assert deploys[0].machine is not None
    assert deploys[0].machine.disk is not None
    assert deploys[0].machine.disk.format == "QCOW2_SPARSE"
    before = len(kinton.requests())
    assert await take(kinton, answer_to(convert, disk=target)) == set()
    assert len(kinton.requests()) == before, "the answer that comes twice starts nothing twice"
    await deploy(kinton, kinton.vm(template=2))
    assert kinton.last().work == Work.DEPLOY
    assert len(conversions(kinton)) == 1


async def test_a_failed_conversion_ends_all_that_wait_and_is_tried_again(kinton: Kinton) -> None:
    kinton.host()
    numbers = [kinton.vm(template=2) for _ in range(2)]
    owners = [await deploy(kinton, number) for number in numbers]
    await take(kinton, answer_to(kinton.last(), error="broken disk", fault="dc1-nfs-1"))
    for number, task in zip(numbers, owners, strict=True):
        row = kinton.row(number)
        assert (row["state"], row["task_id"], row["machine_id"]) == ("NOT_ALLOCATED", None, None)
        assert row["address"] == ""
        ended = kinton.task(task)
        assert (ended["state"], ended["fault"]) == ("FINISHED_UNSUCCESSFULLY", "dc1-nfs-1")
    await deploy(kinton, numbers[0])
    assert len(conversions(kinton)) == 2
