"""What got stuck is begun again: the leader looks now and then, and at its start."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import now
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.work import discovery, jobs, owners, tasks
from labgen_stub.webapps.api.work.happenings import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
# A job whose answer is out for so long is sent again, with the same identity: done once all the same.
PATIENCE_MS = 10 * 60 * 1000
_LOOK = 5.0
# What was never sent is held back by the API itself (`lessor`), which bounds that.
_STUCK = "SELECT id FROM job WHERE state = 'PENDING' AND sent > 0 AND sent < %s ORDER BY sent LIMIT 50"
# Deletions are asked of AM by the node that the user spoke to; one that is killed then asks no more.
_FORGOTTEN = """
SELECT task.id AS task, template.* FROM task JOIN template ON template.id = task.owner_id
WHERE task.owner_kind = 'template' AND task.state = 'STARTED' AND task.created < %s"""
_EMPTY = f"""
SELECT dc.id {discovery.WITHOUT_MACHINES}
  AND NOT EXISTS (
    SELECT 1 FROM task WHERE task.owner_kind = 'datacenter' AND task.owner_id = dc.id
        AND task.type = 'DISCOVER' AND (task.state = 'STARTED' OR task.created > %s))"""  # noqa: S608 - ours
_DISCOVER_AGAIN_MS = 15_000


class Watchdog:
    """Looks after jobs without an answer, and datacenters without machines."""

    def __init__(self, database: Transactions, wake: Callable[[], None], seeded: asyncio.Event) -> None:
        """Look from when `seeded` is set: at a lab's start, the first look finds its datacenters."""
        self._database, self._wake, self._seeded = database, wake, seeded

    async def run(self) -> None:
        """Look for ever; ends by cancellation."""
        await self._seeded.wait()
        while True:
            try:
                await self.look(now())
            except Unavailable as error:
                log.debug("cannot look", extra={"reason": str(error)})
            await asyncio.sleep(_LOOK)

    async def look(self, at: int) -> None:
        """Begin again what got stuck before `at` ms. Raises `Unavailable`."""
        for row in await self._database.all(_STUCK, at - PATIENCE_MS):
            await self._again(str(row["id"]), at)
        for row in await self._database.all(_FORGOTTEN, at - PATIENCE_MS):
            await self._database.transact(lambda session, row=row: _forget(session, row))  # type: ignore[misc]
        for row in await self._database.all(_EMPTY, at - _DISCOVER_AGAIN_MS):
            await self._discover(int(row["id"]))
        self._wake()

    async def _again(self, number: str, at: int) -> None:
        async def work(session: Session) -> None:
            job = await jobs.lock(session, number)
            if job is not None and job["state"] == jobs.PENDING and int(job["sent"]) < at - PATIENCE_MS:
                await jobs.send(session, job)
                log.warning("job sent again", extra={"job": number, "type": job["type"]})

        await self._database.transact(work)

    async def _discover(self, number: int) -> None:
        async def work(session: Session) -> None:
            await discovery.discover(session, number, SYSTEM)

        try:
            await self._database.transact(work)
        except ApiError as error:
            log.debug("no discovery", extra={"reason": error.detail})


async def _forget(session: Session, row: dict[str, object]) -> None:
    await tasks.fail(session, str(row["task"]), "The template manager was never asked, or never answered", "")
    await tasks.end(session, str(row["task"]), owners.of_template(row))
    await session.run("UPDATE template SET state = 'DONE' WHERE id = %s", row["id"])
