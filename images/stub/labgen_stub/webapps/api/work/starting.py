"""Deploy and undeploy: one transaction each, after which everything else happens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from labgen_stub.messages import Request, Work
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.work import disks, jobs, leases, owners, place, refusals, subject, tasks
from labgen_stub.webapps.api.work.subject import LOCKED, NOT_DEPLOYED

if TYPE_CHECKING:
    from collections.abc import Collection

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.happenings import Author
    from labgen_stub.webapps.api.work.subject import Subject


async def take(session: Session, number: int) -> Subject:
    """Lock a virtual machine that no task holds.

    Raises:
        ApiError: 404, there is none; 409, a task holds it.
    """
    machine = await subject.lock(session, number)
    if machine is None:
        raise refusals.no_such_machine()
    if machine.task_id is not None or machine.state == LOCKED:
        raise refusals.locked()
    return machine


async def take_deployed(session: Session, number: int) -> Subject:
    """Lock a virtual machine that is deployed.

    Raises:
        ApiError: as `take`; 409, it is not deployed.
    """
    machine = await take(session, number)
    if machine.state in NOT_DEPLOYED:
        raise refusals.not_deployed()
    return machine


async def deploy(
    session: Session, number: int, author: Author, leasing: Collection[str] = frozenset()
) -> str:
    """Begin to deploy a virtual machine; return the task.

    `leasing`: datacenters whose leases the API itself writes.

    Where nobody has room or an address for it, the task has ended by then, and the machine is as it was: the
    platform takes a deploy in before it places it (its scheduler has queues of its own, platform.md 2.5).

    Raises:
        ApiError: 409, it is deployed, or there is no template.
    """
    machine = await take(session, number)
    if machine.state not in NOT_DEPLOYED:
        raise refusals.deployed()
    await place.lock_datacenter(session, machine.datacenter_id)
    task = await tasks.begin(session, Work.DEPLOY, owners.of_machine(machine), author)
    columns: dict[str, object] = {}
    if not machine.region:
        try:
            host, _ = await place.choose(session, machine)
            mac, address = await leases.take(session, machine)
        except ApiError as refusal:
            await tasks.fail(session, task, f"{refusal.code}: {refusal.detail}", "")
            told = {"state": machine.state, "label": machine.label}
            await tasks.end(session, task, owners.of_machine(machine), told)
            return task
        columns = {"machine_id": host, "mac": mac, "address": address}
    await subject.hold(session, machine, task, **columns)
    placed = await subject.lock(session, number) or machine
    disk, waits_for = await disks.prepare(session, machine, task)
    request = Request(str(uuid4()), task, Work.DEPLOY, placed.machine(disk))
    memo = _lease(machine, leasing)
    await jobs.add(session, machine.datacenter, request, waits_for=waits_for, memo=memo)
    return task


async def undeploy(
    session: Session, number: int, author: Author, leasing: Collection[str] = frozenset()
) -> str:
    """Begin to take a virtual machine from its hypervisor or provider; return the task. `leasing` as above.

    Raises:
        ApiError: 409, it is not deployed, or a task holds it.
    """
    machine = await take_deployed(session, number)
    task = await tasks.begin(session, Work.UNDEPLOY, owners.of_machine(machine), author)
    await subject.hold(session, machine, task)
    await request_for(session, machine, task, Work.UNDEPLOY, **_lease(machine, leasing))
    return task


def _lease(machine: Subject, leasing: Collection[str]) -> dict[str, object]:
    """Return the memo of a job that goes with a lease of the API's."""
    return {"lease": True} if machine.datacenter in leasing else {}


async def request_for(session: Session, machine: Subject, task: str, work: Work, **memo: object) -> None:
    """Ask the remote service of a deployed virtual machine for work on it."""
    request = Request(str(uuid4()), task, work, machine.machine(await disks.known(session, machine)))
    await jobs.add(session, machine.datacenter, request, memo=memo)
