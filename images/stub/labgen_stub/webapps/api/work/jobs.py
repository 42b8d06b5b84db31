"""Pieces of work at remote services: a row, and the request in the outbox, in one transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labgen_stub.messages import BPM, NARS, VIRTUAL_FACTORY, Place, Request, Work, dump, load_request, now
from labgen_stub.webapps.api.work import outbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Row, Session

WAITING, PENDING, DONE, FAILED = "WAITING", "PENDING", "DONE", "FAILED"
_PLACES = {Work.CONVERT: BPM, Work.DISCOVER: NARS}


def place(work: Work, datacenter: str) -> Place:
    """Return whose queue a kind of work goes to."""
    return _PLACES.get(work, VIRTUAL_FACTORY).of(datacenter)


async def add(
    session: Session,
    datacenter: str,
    request: Request,
    *,
    waits_for: str = "",
    memo: Mapping[str, object] | None = None,
) -> None:
    """Write a job down, and send its request unless it has to wait for another job.

    `memo` is what the API itself wants to know again when the answer comes. Where it says `lease`, a deploy
    is held back until the API has written the lease (`lessor`), and is PENDING meanwhile.
    """
    at = await _after(session, request.task)
    held = bool(waits_for) or _leases_first(request.work, memo or {})
    await session.run(
        "INSERT INTO job (id, task_id, type, state, waits_for, datacenter, request, memo, created, sent) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        request.job,
        request.task,
        request.work.value,
        WAITING if waits_for else PENDING,
        waits_for or None,
        datacenter,
        dump(request).decode(),
        json.dumps(dict(memo or {})),
        at,
        0 if held else at,
    )
    if not held:
        await outbox.put_to(session, place(request.work, datacenter), dump(request))


async def _after(session: Session, task: str) -> int:
    """Return the time, past that of the task's other jobs: they are listed in the order they came in."""
    row = await session.one("SELECT MAX(created) AS latest FROM job WHERE task_id = %s", task)
    return max(now(), 1 + int((row and row["latest"]) or 0))


def _leases_first(work: Work, memo: Mapping[str, object]) -> bool:
    return work is Work.DEPLOY and bool(memo.get("lease"))


async def hold(session: Session, number: str, answer: bytes | None = None) -> None:
    """Keep a job PENDING and unsent: the API does something itself first, then takes `answer`, if given."""
    text = None if answer is None else answer.decode()
    await session.run("UPDATE job SET state = %s, sent = 0, answer = %s WHERE id = %s", PENDING, text, number)


async def send(session: Session, row: Row, *, leased: bool = False) -> None:
    """Send the request of a job that waited, or whose answer never came: the receiver knows it by its id.

    One that needs a lease of the API's is held back, unless it is `leased` already.
    """
    request = load_request(row["request"].encode())
    if not leased and _leases_first(request.work, json.loads(row["memo"])):
        await hold(session, row["id"])
        return
    await session.run("UPDATE job SET state = %s, sent = %s WHERE id = %s", PENDING, now(), row["id"])
    await outbox.put_to(session, place(request.work, row["datacenter"]), dump(request))


async def lock(session: Session, number: str) -> Row | None:
    """Lock a job until the transaction ends."""
    return await session.one("SELECT * FROM job WHERE id = %s FOR UPDATE", number)


async def end(session: Session, number: str, answer: bytes | None, *, good: bool) -> None:
    """Write down what became of a job."""
    await session.run(
        "UPDATE job SET state = %s, answer = %s, ended = %s WHERE id = %s",
        DONE if good else FAILED,
        None if answer is None else answer.decode(),
        now(),
        number,
    )
