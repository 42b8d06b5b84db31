"""Machines of a datacenter, found by its node collector (NARS): asked for as a task, written down as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labgen_stub.messages import Answer, BadMessage, Request, Work
from labgen_stub.webapps.api.work import jobs, owners, place, refusals, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.work.happenings import Author

_MIB = 2**20
# Datacenters of which no machine is known yet; who selects from it adds which of them.
WITHOUT_MACHINES = """
FROM datacenter dc
WHERE dc.kind = 'DATACENTER' AND NOT EXISTS (
    SELECT 1 FROM machine JOIN rack ON rack.id = machine.rack_id WHERE rack.datacenter_id = dc.id)"""


async def discover(session: Session, number: int, author: Author) -> str:
    """Begin to look for the machines of a datacenter; return the task.

    Raises:
        ApiError: 404, there is no such datacenter; 409, somebody looks already.
    """
    row = await session.one("SELECT id, uuid, kind FROM datacenter WHERE id = %s FOR UPDATE", number)
    if row is None:
        raise refusals.no_such_datacenter()
    if await running(session, number):
        raise refusals.busy()
    task = await tasks.begin(session, Work.DISCOVER, owners.of_datacenter(row), author)
    await jobs.add(session, str(row["uuid"]), Request(str(uuid4()), task, Work.DISCOVER))
    return task


async def running(session: Session, number: int) -> bool:
    """Tell whether somebody looks already."""
    row = await session.one(
        "SELECT id FROM task WHERE owner_kind = 'datacenter' AND owner_id = %s AND type = %s AND state = %s",
        number,
        Work.DISCOVER.value,
        tasks.STARTED,
    )
    return row is not None


async def take(session: Session, job: Row, answer: Answer) -> set[str]:
    """Write down what was found: new machines, and new sizes of those that are known. Raises `BadMessage`."""
    task = str(job["task_id"])
    row = await session.one("SELECT id, kind FROM datacenter WHERE uuid = %s", job["datacenter"])
    if row is None:
        return {task}
    await place.lock_datacenter(session, int(row["id"]))
    details: dict[str, object] = {}
    if answer.error:
        await tasks.fail(session, task, answer.error, answer.fault or answer.server)
    else:
        machines = answer.result.get("machines")
        if not isinstance(machines, list):
            raise BadMessage("no list of machines")
        rack = await _rack(session, int(row["id"]))
        for machine in machines:
            await _write(session, rack, machine)
        details = {"machines": len(machines)}
    await tasks.end(session, task, owners.of_datacenter(row), details)
    return {task}


async def _rack(session: Session, datacenter: int) -> int:
    """Return the rack that new machines come into; one is made where there is none."""
    row = await session.one("SELECT id FROM rack WHERE datacenter_id = %s ORDER BY id LIMIT 1", datacenter)
    if row is not None:
        return int(row["id"])
    return await session.insert("INSERT INTO rack (datacenter_id, name) VALUES (%s, 'rack-1')", datacenter)


async def _write(session: Session, rack: int, found: Mapping[str, Any]) -> None:
    """Write one machine down; it is known by its node's name. Sizes come in MiB."""
    try:
        name, kind = str(found["name"]), str(found.get("kind") or "KVM")
        cpu, ram, disk = (int(found.get(key) or 0) for key in ("cpu", "ram", "disk"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadMessage(f"no machine: {error}") from error
    known = await session.one("SELECT id FROM machine WHERE ip = %s FOR UPDATE", name)
    if known is not None:
        await session.run(
            "UPDATE machine SET type = %s, cpu = %s, ram = %s, disk = %s WHERE id = %s",
            kind,
            cpu,
            ram,
            disk * _MIB,
            known["id"],
        )
        return
    await session.insert(
        "INSERT INTO machine (rack_id, name, ip, type, cpu, ram, disk) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        rack,
        name,
        name,
        kind,
        cpu,
        ram,
        disk * _MIB,
    )
