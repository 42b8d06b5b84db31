"""What is over and old is forgotten: events, and tasks with their jobs. The leader does it, in batches.

The documents name no retention; this lab's is a setting (`LABGEN_RETENTION_HOURS`), so that a lab which runs
for weeks under load does not fill its disk. Accounting is kept for good: it is what bills are made of.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import now
from labgen_stub.webapps.api.work import tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
HOUR_MS = 3600 * 1000
# Rows of one transaction: nobody waits long for it.
BATCH = 500
_PERIOD = 600.0
_EVENTS = "SELECT id FROM event WHERE timestamp < %s ORDER BY id LIMIT %s"
# One whose job is still out is not over, whatever its state says: a conversion that others wait for.
_TASKS = """
SELECT id FROM task
WHERE state IN (%s, %s) AND created < %s AND ended < %s
  AND NOT EXISTS (SELECT 1 FROM job WHERE job.task_id = task.id AND job.state IN ('WAITING', 'PENDING'))
ORDER BY created LIMIT %s"""


class Purge:
    """Forgets what ended more than `hours` ago."""

    def __init__(self, database: Transactions, hours: int) -> None:
        self._database, self._age = database, hours * HOUR_MS

    async def run(self) -> None:
        """Forget for ever, every ten minutes; ends by cancellation."""
        while True:
            try:
                while await self.forget(now()) >= BATCH:
                    pass
            except Unavailable as error:
                log.debug("cannot purge", extra={"reason": str(error)})
            await asyncio.sleep(_PERIOD)

    async def forget(self, at: int) -> int:
        """Forget a batch of each kind, as of `at` ms; return how many rows the larger one had.

        Raises:
            Unavailable: MySQL does not answer.
        """
        before = at - self._age
        gone = await self._database.transact(lambda session: _events(session, before))
        ended = await self._database.transact(lambda session: _tasks(session, before))
        if gone or ended:
            log.info("purged", extra={"events": gone, "tasks": ended})
        return max(gone, ended)


async def _events(session: Session, before: int) -> int:
    return await _delete(session, "event", "id", await session.all(_EVENTS, before, BATCH))


async def _tasks(session: Session, before: int) -> int:
    found = await session.all(_TASKS, tasks.GOOD, tasks.BAD, before, before, BATCH)
    await _delete(session, "job", "task_id", found)
    return await _delete(session, "task", "id", found)


async def _delete(session: Session, table: str, column: str, rows: Sequence[dict[str, object]]) -> int:
    """Delete the rows of a table whose `column` is the `id` of one of `rows`; return how many were meant."""
    if rows:
        marks = ", ".join(["%s"] * len(rows))
        await session.run(
            f"DELETE FROM {table} WHERE {column} IN ({marks})",  # noqa: S608 - both names are ours
            *(row["id"] for row in rows),
        )
    return len(rows)
