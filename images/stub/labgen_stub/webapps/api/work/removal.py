"""Deletes a template: the API asks the datacenter's AM with the caller's own right; AM tells when it is gone.

AM replays `Authorization` at the API (row 28, W13), so what the caller said goes on to it (row 16) and is
kept nowhere: the node that was asked asks AM, in the background. If it is killed meanwhile, the watchdog
ends the task. A region's templates are the provider's; there only what the platform knows is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.work import owners, refusals, tasks
from labgen_stub.webapps.api.work.happenings import Happening, tell
from labgen_stub.wire import Garbled, Target
from labgen_stub.wire.http import request as http_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.work.happenings import Author
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
KIND = "DELETE_TEMPLATE"
_TIMEOUT = 30.0
_FIND = "SELECT * FROM template WHERE id = %s FOR UPDATE"
_CONVERTED = "SELECT id FROM conversion WHERE template_id = %s AND state = 'ENQUEUED'"
_USED = "SELECT id FROM virtualmachine WHERE template_id = %s LIMIT 1"
_MANAGER = """
SELECT dc.uuid, rs.uri FROM datacenter dc
LEFT JOIN remote_service rs ON rs.datacenter_id = dc.id AND rs.type = 'APPLIANCE_MANAGER'
WHERE dc.id = %s"""


async def begin(session: Session, number: int, author: Author) -> tuple[str, Row, str]:
    """Begin to delete a template; return the task (empty: it is gone already), its row, and AM's address.

    Raises:
        ApiError: 404, or 409 while somebody works on it.
    """
    row = await session.one(_FIND, number)
    if row is None:
        raise refusals.no_such_template()
    if row["state"] == "IN_PROGRESS" or await session.one(_CONVERTED, number) is not None:
        raise refusals.template_busy()
    if await session.one(_USED, number) is not None:
        raise refusals.template_used()
    manager = await session.one(_MANAGER, row["datacenter_id"])
    owner = owners.of_template(row)
    if manager is None or not manager["uri"]:
        await session.run("DELETE FROM template WHERE id = %s", number)
        await tell(
            session,
            Happening("DELETE", owner.entity, owner.path, author, owner.enterprise_id),
        )
        return "", row, ""
    task = await tasks.begin(session, KIND, owner, author, {"name": row["name"]})
    await session.run("UPDATE template SET state = 'IN_PROGRESS' WHERE id = %s", number)
    return task, row, str(manager["uri"])


class Removal:
    """Asks AM, beside everything else."""

    def __init__(self, database: Transactions, wake: Callable[[], None]) -> None:
        self._database, self._wake = database, wake
        self._running: set[asyncio.Task[None]] = set()

    def ask(self, task: str, row: Row, uri: str, authorization: str) -> None:
        """Ask AM from now on; returns at once."""
        running = asyncio.create_task(self._ask(task, row, uri, authorization))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _ask(self, task: str, row: Row, uri: str, authorization: str) -> None:
        place = urlsplit(uri)
        host, port = place.hostname or "", place.port or 80
        # Below the enterprise's folder, which is the first part of the path on the share.
        inside = quote(str(row["path"]).partition("/")[2])
        path = f"{place.path}/erepos/{row['enterprise_id']}/templates/{inside}"
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await http_request(
                    Target("http", host, port, patience=_TIMEOUT),
                    path,
                    method="DELETE",
                    headers=[("Authorization", authorization), ("Accept", "*/*")],
                )
            # Not there is as good as gone; AM only tells what it did itself.
            gone = answer.status == HTTPStatus.NOT_FOUND
            error = "" if gone or answer.status < HTTPStatus.BAD_REQUEST else answer.line()
        except (OSError, Garbled) as reason:
            gone, error = False, str(reason) or "no answer in time"
        if not gone and not error:
            return

        async def work(session: Session) -> None:
            if error:
                await tasks.fail(session, task, f"The appliance manager says: {error}", host)
            await tasks.end(session, task, owners.of_template(row), {"name": row["name"]})
            if gone:
                await session.run("DELETE FROM template WHERE id = %s", row["id"])
            else:
                await session.run("UPDATE template SET state = 'DONE' WHERE id = %s", row["id"])

        try:
            await self._database.transact(work)
            self._wake()
        except Unavailable as reason:
            log.warning("the watchdog will end a task", extra={"task": task, "reason": str(reason)})
