"""What VSM sees: a virtual machine's state follows it, unless a task holds it or the news is old."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from labgen_stub.webapps.api.work import subject
from labgen_stub.webapps.api.work.happenings import INFO, WARN, Happening, tell
from labgen_stub.webapps.api.work.subject import LOCKED, NOT_DEPLOYED, UNKNOWN

if TYPE_CHECKING:
    from labgen_stub.links.database import Session
    from labgen_stub.messages import MachineEvent

log = logging.getLogger(__name__)
# Of one that is gone the platform knows no more; its room and address stay its own until it is undeployed.
_STATES = {"ON": "ON", "OFF": "OFF", "PAUSED": "PAUSED", "GONE": UNKNOWN}


async def take(session: Session, event: MachineEvent) -> None:
    """Do what follows from what VSM saw; older news than the last is no news."""
    state = _STATES.get(event.state, UNKNOWN)
    machine = await subject.lock_by_uuid(session, event.uuid)
    if machine is None or machine.state in NOT_DEPLOYED:
        return
    if not await _note(session, machine.id, state, event.at):
        return
    if machine.task_id is not None or machine.state == LOCKED or event.at <= machine.state_at:
        # The task's end compares times with what was noted (`subject.release`).
        return
    await subject.change(session, machine.id, state=state, state_at=event.at)
    if state == machine.state:
        return
    log.info("a virtual machine changed by itself", extra={"vm": machine.name, "state": state})
    await tell(
        session,
        Happening(
            "STATE_CHANGE",
            "VIRTUAL_MACHINE",
            machine.path,
            enterprise_id=machine.enterprise_id,
            severity=INFO if state == "ON" else WARN,
            component="VSM",
            details={"state": state, "before": machine.state, "host": event.host, "label": machine.label},
        ),
    )


async def _note(session: Session, machine: int, state: str, at: int) -> bool:
    """Keep what was seen; return whether it is newer than what was seen before."""
    row = await session.one("SELECT at FROM sighting WHERE virtualmachine_id = %s FOR UPDATE", machine)
    if row is None:
        await session.run(
            "INSERT INTO sighting (virtualmachine_id, state, at) VALUES (%s, %s, %s)", machine, state, at
        )
        return True
    if int(row["at"]) >= at:
        return False
    await session.run(
        "UPDATE sighting SET state = %s, at = %s WHERE virtualmachine_id = %s", state, at, machine
    )
    return True
