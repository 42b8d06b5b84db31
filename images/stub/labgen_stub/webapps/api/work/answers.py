"""Answers of remote services: one transaction each; the second of two equal ones finds nothing to do."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from labgen_stub.messages import Answer, Work, dump
from labgen_stub.webapps.api.work import (
    accounting,
    conversions,
    discovery,
    jobs,
    owners,
    snapshots,
    starting,
    subject,
    tasks,
)
from labgen_stub.webapps.api.work.subject import UNKNOWN, Subject

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session

log = logging.getLogger(__name__)
_AFTER = {
    Work.DEPLOY: "ON",
    Work.POWER_ON: "ON",
    Work.RESUME: "ON",
    Work.RESET: "ON",
    Work.POWER_OFF: "OFF",
    Work.PAUSE: "PAUSED",
}


async def take(session: Session, answer: Answer, *, leased: bool = False) -> set[str]:
    """Do what follows from an answer; return the tasks that are otherwise than before.

    An undeployment whose lease is the API's is not over before that is gone, too; `leased`: it is.
    """
    job = await jobs.lock(session, answer.job)
    if job is None or job["state"] != jobs.PENDING:
        log.info("answer to no open job", extra={"job": answer.job, "work": answer.work.value})
        return set()
    if (
        answer.work == Work.UNDEPLOY
        and not answer.error
        and not leased
        and json.loads(job["memo"]).get("lease")
    ):
        await jobs.hold(session, answer.job, dump(answer))
        return set()
    await jobs.end(session, answer.job, dump(answer), good=not answer.error)
    if answer.work == Work.CONVERT:
        return await conversions.take(session, job, answer)
    if answer.work == Work.DISCOVER:
        return await discovery.take(session, job, answer)
    task = str(job["task_id"])
    owner = await session.one("SELECT owner_id FROM task WHERE id = %s", task)
    machine = await subject.lock(session, int(owner["owner_id"])) if owner else None
    if machine is None or machine.task_id != task:
        log.warning("answer about a virtual machine that its task no longer holds", extra={"task": task})
        return {task}
    if answer.error:
        await tasks.fail(session, task, answer.error, answer.fault or answer.server)
        ended = await _failed(session, machine, job, answer)
    else:
        await _done(session, machine, job, answer)
        ended = True
    if ended:
        row = await session.one("SELECT state FROM virtualmachine WHERE id = %s", machine.id)
        state = row["state"] if row else machine.state
        await tasks.end(session, task, owners.of_machine(machine), {"state": state, "label": machine.label})
    return {task}


async def _done(session: Session, machine: Subject, job: Row, answer: Answer) -> None:
    memo = json.loads(job["memo"])
    if answer.work == Work.UNDEPLOY:
        await subject.vacate(session, machine.id, answer.at)
        await accounting.close_row(session, machine, answer.at)
        return
    columns: dict[str, object] = {}
    if answer.work == Work.DEPLOY:
        columns = _whereabouts(machine, answer.result)
        await accounting.open_row(session, machine, answer.job, answer.at)
    elif answer.work == Work.RECONFIGURE:
        await accounting.resize(session, machine, answer.job, answer.at)
    elif answer.work == Work.INSTANCE:
        await snapshots.complete(session, int(memo["made"]["number"]), answer.result.get("disk"))
    await subject.release(
        session, machine.id, _AFTER.get(answer.work, machine.state_before), answer.at, **columns
    )


async def _failed(session: Session, machine: Subject, job: Row, answer: Answer) -> bool:
    """Go back to where it was before; return whether the task has ended with that."""
    memo = json.loads(job["memo"])
    if answer.work == Work.DEPLOY:
        # Whatever is there by now must go before somebody tries again.
        undo = {"instead": UNKNOWN} | ({"lease": True} if memo.get("lease") else {})
        await starting.request_for(session, machine, str(job["task_id"]), Work.UNDEPLOY, **undo)
        return False
    columns: dict[str, object] = {}
    if answer.work == Work.RECONFIGURE:
        columns = dict(memo["before"])
    elif answer.work == Work.INSTANCE:
        await snapshots.abandon(session, int(memo["made"]["number"]))
    # Of a deploy that could not be undone nobody knows what is left: it can be undeployed once more.
    await subject.release(
        session, machine.id, memo.get("instead", machine.state_before), machine.state_at, **columns
    )
    return True


def _whereabouts(machine: Subject, result: dict[str, Any]) -> dict[str, object]:
    """Return what a deploy tells of where the machine is now."""
    display = result.get("display") or {}
    return {
        "address": str(result.get("address") or machine.address)[:45],
        "provider_id": str(result.get("provider_id") or "")[:64],
        "display_host": str(display.get("host") or "")[:128],
        "display_port": int(display.get("port") or 0),
    }
