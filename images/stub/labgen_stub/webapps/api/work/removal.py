"""Deletes a template: the API asks whoever keeps it, and is told when it is gone.

In a datacenter that is AM, with the caller's own right; in a region CPP, which deregisters the image at the
provider, if it was made of a machine of the platform's. The provider's own images are not ours to delete:
there only what the platform knows is forgotten.

AM replays `Authorization` at the API (row 28, W13), so what the caller said goes on to it (row 16) and is
kept nowhere: the node that was asked asks AM, in the background. If it is killed meanwhile, the watchdog
ends the task. CPP is at the address of the region's virtual factory (platform.md 2.1: the same Tomcat).
"""

from __future__ import annotations

import asyncio
import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

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
    from labgen_stub.wire.http import Response

log = logging.getLogger(__name__)
KIND = "DELETE_TEMPLATE"
_TIMEOUT = 30.0
_FIND = "SELECT * FROM template WHERE id = %s FOR UPDATE"
_CONVERTED = "SELECT id FROM conversion WHERE template_id = %s AND state = 'ENQUEUED'"
_USED = "SELECT id FROM virtualmachine WHERE template_id = %s LIMIT 1"
_MANAGER = """
SELECT dc.kind, rs.uri FROM datacenter dc
JOIN remote_service rs ON rs.datacenter_id = dc.id
    AND rs.type = CASE dc.kind WHEN 'DATACENTER' THEN 'APPLIANCE_MANAGER' ELSE 'VIRTUAL_FACTORY' END
WHERE dc.id = %s"""
_CPP = "/cpp"
_NAMES = {False: "The appliance manager", True: "The public cloud's manager"}


async def begin(session: Session, number: int, author: Author) -> tuple[str, Row, str]:
    """Begin to delete a template; return the task (empty: it is gone already), its row, and who to ask.

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
    manager = _manager(row, await session.one(_MANAGER, row["datacenter_id"]))
    owner = owners.of_template(row)
    if not manager:
        await session.run("DELETE FROM template WHERE id = %s", number)
        await tell(
            session,
            Happening("DELETE", owner.entity, owner.path, author, owner.enterprise_id),
        )
        return "", row, ""
    task = await tasks.begin(session, KIND, owner, author, {"name": row["name"]})
    await session.run("UPDATE template SET state = 'IN_PROGRESS' WHERE id = %s", number)
    return task, row, manager


def _manager(row: Row, service: Row | None) -> str:
    """Return the address of AM or CPP, whichever keeps a template; empty where nobody is to be asked."""
    if service is None:
        return ""
    if service["kind"] == "DATACENTER":
        return str(service["uri"])
    return urljoin(str(service["uri"]), _CPP) if row["origin"] == "INSTANCE" else ""


def _place(row: Row, manager: str) -> str:
    """Return where a template is at its manager."""
    if manager.endswith(_CPP):
        return f"{_CPP}/images/{quote(str(row['path']), safe='')}"
    # Below the enterprise's folder, which is the first part of the path on the share.
    inside = quote(str(row["path"]).partition("/")[2])
    return f"{urlsplit(manager).path}/erepos/{row['enterprise_id']}/templates/{inside}"


def _complaint(answer: Response) -> str:
    """Return what a manager says, or at least its status line."""
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, TypeError, KeyError):
        return answer.line()


class Removal:
    """Asks AM or CPP, beside everything else."""

    def __init__(self, database: Transactions, wake: Callable[[], None]) -> None:
        self._database, self._wake = database, wake
        self._running: set[asyncio.Task[None]] = set()

    def ask(self, task: str, row: Row, uri: str, authorization: str) -> None:
        """Ask from now on; returns at once."""
        running = asyncio.create_task(self._ask(task, row, uri, authorization))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _ask(self, task: str, row: Row, uri: str, authorization: str) -> None:
        place = urlsplit(uri)
        host, port = place.hostname or "", place.port or 80
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await http_request(
                    Target("http", host, port, patience=_TIMEOUT),
                    _place(row, uri),
                    method="DELETE",
                    headers=[("Authorization", authorization), ("Accept", "*/*")],
                )
            # Not there is as good as gone; a manager only tells what it did itself.
            gone = answer.status == HTTPStatus.NOT_FOUND
            error = "" if gone or answer.status < HTTPStatus.BAD_REQUEST else _complaint(answer)
        except (OSError, Garbled) as reason:
            gone, error = False, str(reason) or "no answer in time"
        if not gone and not error:
            return

        async def work(session: Session) -> None:
            if error:
                await tasks.fail(session, task, f"{_NAMES[uri.endswith(_CPP)]} says: {error}", host)
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
