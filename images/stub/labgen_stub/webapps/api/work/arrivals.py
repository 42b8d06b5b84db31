"""What AM says of its repository, and CPP of a provider: templates that came, went, or could not be taken."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from labgen_stub.messages import BadMessage, TemplateEvent, now
from labgen_stub.webapps.api.work import owners, tasks
from labgen_stub.webapps.api.work.happenings import ERROR, INFO, Happening, tell

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session

log = logging.getLogger(__name__)
# What a provider keeps is no file.
_IMAGE = "AMI"
_FIND = "SELECT * FROM template WHERE datacenter_id = %s AND path = %s FOR UPDATE"


async def take(session: Session, event: TemplateEvent) -> set[str]:
    """Do what follows from what AM says; return the tasks that are otherwise than before.

    Raises:
        BadMessage: a state that nobody knows.
    """
    if event.state not in ("DONE", "DELETED", "FAILED"):
        raise BadMessage(f"no state of a template: {event.state}")
    datacenter = await session.one("SELECT id FROM datacenter WHERE uuid = %s FOR UPDATE", event.datacenter)
    if datacenter is None:
        # The seed writes the datacenters down; a message that is sooner comes again.
        raise NotYet(event.datacenter)
    row = await session.one(_FIND, datacenter["id"], event.disk.path)
    if event.state == "DONE":
        await _came(session, int(datacenter["id"]), row, event)
        return set()
    if row is None:
        return set()
    if event.state == "DELETED":
        return await _went(session, row)
    return await _failed(session, row, event)


class NotYet(Exception):
    """A message about a datacenter that is not there yet."""


async def _came(session: Session, datacenter: int, row: Row | None, event: TemplateEvent) -> None:
    if row is not None:
        # Told again after every start of AM; one that is being deleted or made keeps its state.
        await session.run("UPDATE template SET disk_size = %s WHERE id = %s", event.disk.size, row["id"])
        return
    if await session.one("SELECT id FROM enterprise WHERE id = %s", event.enterprise) is None:
        log.warning("template of no enterprise", extra={"path": event.disk.path})
        return
    number = await session.insert(
        "INSERT INTO template (datacenter_id, enterprise_id, name, description, path, disk_format, "
        "disk_size, cpu, ram, state, origin, created) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'DONE', %s, %s)",
        datacenter,
        event.enterprise,
        event.name[:128],
        event.description[:255],
        event.disk.path,
        event.disk.format,
        event.disk.size,
        event.cpu,
        event.ram,
        "PROVIDER" if event.disk.format == _IMAGE else "UPLOAD",
        now(),
    )
    created = {"id": number, "datacenter_id": datacenter, "enterprise_id": event.enterprise}
    await _tell(session, created, "CREATE", INFO, {"name": event.name})


async def _went(session: Session, row: Row) -> set[str]:
    ended = await _end_tasks(session, row, "", "")
    await session.run("DELETE FROM template WHERE id = %s", row["id"])
    await _tell(session, row, "DELETE", INFO, {"name": row["name"]})
    return ended


async def _failed(session: Session, row: Row, event: TemplateEvent) -> set[str]:
    ended = await _end_tasks(session, row, event.error or "AM could not do it", event.datacenter)
    if not ended:
        await session.run("UPDATE template SET state = 'FAILED' WHERE id = %s", row["id"])
        await _tell(session, row, "UPLOAD_FAIL", ERROR, {"name": row["name"], "error": event.error})
    return ended


async def _end_tasks(session: Session, row: Row, error: str, fault: str) -> set[str]:
    """End what waited for the template to go; it is as before when that failed."""
    open_tasks = await session.all(
        "SELECT id FROM task WHERE owner_kind = 'template' AND owner_id = %s AND state = %s",
        row["id"],
        tasks.STARTED,
    )
    for task in open_tasks:
        if error:
            await tasks.fail(session, task["id"], error, fault)
        await tasks.end(session, task["id"], owners.of_template(row))
    if open_tasks and error:
        await session.run("UPDATE template SET state = 'DONE' WHERE id = %s", row["id"])
    return {str(task["id"]) for task in open_tasks}


async def _tell(session: Session, row: Row, action: str, severity: str, details: dict[str, object]) -> None:
    owner = owners.of_template(row)
    await tell(
        session,
        Happening(
            action,
            owner.entity,
            owner.path,
            enterprise_id=owner.enterprise_id,
            severity=severity,
            component="AM",
            details=details,
        ),
    )
