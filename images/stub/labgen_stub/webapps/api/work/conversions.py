"""A conversion's answer: every deploy that waited for it goes on, or ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.messages import Answer, Disk
from labgen_stub.messages import disk as read_disk
from labgen_stub.webapps.api.work import jobs, owners, subject, tasks

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session


async def take(session: Session, job: Row, answer: Answer) -> set[str]:
    """Do what follows; return the tasks that are otherwise than before."""
    changed = {str(job["task_id"])}
    size = 0
    if not answer.error:
        made: Disk = read_disk(answer.result.get("disk"))
        size = made.size
    # Its row is locked from here on, so no deploy begins to wait for what has ended.
    await session.run(
        "UPDATE conversion SET state = %s, disk_size = %s WHERE job_id = %s",
        "FAILED" if answer.error else "FINISHED",
        size,
        answer.job,
    )
    waiting = await session.all(
        "SELECT * FROM job WHERE waits_for = %s AND state = 'WAITING' ORDER BY created, id FOR UPDATE",
        answer.job,
    )
    for one in waiting:
        changed.add(str(one["task_id"]))
        if answer.error:
            await _give_up(session, one, answer)
        else:
            await jobs.send(session, one)
    return changed


async def _give_up(session: Session, job: Row, answer: Answer) -> None:
    """End a deploy of which nothing has been done yet."""
    task = str(job["task_id"])
    await jobs.end(session, str(job["id"]), None, good=False)
    await tasks.fail(session, task, answer.error, answer.fault or answer.server)
    owner = await session.one("SELECT owner_id FROM task WHERE id = %s", task)
    machine = await subject.lock(session, int(owner["owner_id"])) if owner else None
    if machine is not None and machine.task_id == task:
        await subject.vacate(session, machine.id, machine.state_at)
        await tasks.end(session, task, owners.of_machine(machine), {"state": "NOT_ALLOCATED"})
