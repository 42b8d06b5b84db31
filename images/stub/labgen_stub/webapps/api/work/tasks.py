"""Tasks: what a user asked for, until it has ended.

MySQL is the truth. How far a task is while it goes on is in Redis, as the platform keeps it (row 13, W4):
that is what its resource shows, and what nobody misses when it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import now
from labgen_stub.webapps.api.work.happenings import ERROR, INFO, Author, Happening, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.work.ports import Transactions, Volatile

STARTED = "STARTED"
GOOD, BAD = "FINISHED_SUCCESSFULLY", "FINISHED_UNSUCCESSFULLY"
_LONGEST_ERROR, _LONGEST_FAULT = 400, 128
_LIFETIME = 3600
_SHOWN = ("type", "state", "jobs", "done", "at")
_AUTHOR = """
SELECT task.type, user.id, user.nick, user.enterprise_id, enterprise.name AS enterprise_name
FROM task
LEFT JOIN user ON user.id = task.user_id
LEFT JOIN enterprise ON enterprise.id = user.enterprise_id
WHERE task.id = %s"""
_PROGRESS = """
SELECT task.type, task.state, COUNT(job.id) AS jobs, COALESCE(SUM(job.state = 'DONE'), 0) AS done
FROM task LEFT JOIN job ON job.task_id = task.id
WHERE task.id = %s GROUP BY task.id, task.type, task.state"""


@dataclass(frozen=True, slots=True)
class Owner:
    """What a task is about.

    Attributes:
        kind: `virtualmachine`, `template` or `datacenter`.
        entity: its name in events.
        path: where the REST API shows it.
        enterprise_id: whose it is; None for the platform's own.
    """

    kind: str
    id: int
    entity: str
    path: str
    enterprise_id: int | None = None


async def begin(
    session: Session,
    kind: str,
    owner: Owner,
    author: Author,
    details: Mapping[str, object] | None = None,
) -> str:
    """Write a task down, and tell that it began; return its identity."""
    task = str(uuid4())
    await session.run(
        "INSERT INTO task (id, type, state, user_id, enterprise_id, owner_kind, owner_id, created) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        task,
        kind,
        STARTED,
        author.id,
        owner.enterprise_id if owner.enterprise_id is not None else author.enterprise_id,
        owner.kind,
        owner.id,
        now(),
    )
    await _tell(session, task, owner, author, f"{kind}_START", details or {})
    return task


async def fail(session: Session, task: str, error: str, fault: str) -> None:
    """Keep why a task will have failed, though it has not ended yet."""
    await session.run(
        "UPDATE task SET error = %s, fault = %s WHERE id = %s AND error = ''",
        error[:_LONGEST_ERROR] or "it failed",
        fault[:_LONGEST_FAULT],
        task,
    )


async def end(session: Session, task: str, owner: Owner, details: Mapping[str, object] | None = None) -> None:
    """End a task, well unless it `fail`ed before, and tell it. A task that has ended stays as it is."""
    row = await session.one("SELECT state, error, fault FROM task WHERE id = %s FOR UPDATE", task)
    if row is None or row["state"] in (GOOD, BAD):
        return
    good = not row["error"]
    await session.run(
        "UPDATE task SET state = %s, ended = %s WHERE id = %s", GOOD if good else BAD, now(), task
    )
    author = await session.one(_AUTHOR, task) or {}
    told = dict(details or {})
    if not good:
        told |= {"error": row["error"], "fault": row["fault"]}
    action = f"{author.get('type')}_{'FINISH' if good else 'FAIL'}"
    await _tell(session, task, owner, _author(author), action, told)


def _author(row: Row) -> Author:
    if row.get("id") is None:
        return Author()
    return Author(int(row["id"]), str(row["nick"]), int(row["enterprise_id"]), str(row["enterprise_name"]))


async def _tell(
    session: Session, task: str, owner: Owner, author: Author, action: str, details: Mapping[str, object]
) -> None:
    happening = Happening(
        action,
        owner.entity,
        owner.path,
        author,
        owner.enterprise_id,
        ERROR if action.endswith("_FAIL") else INFO,
        context=task,
        details={"task": task, **details},
    )
    await tell(session, happening)


def key(task: str) -> str:
    """Return where Redis has how far a task is."""
    return f"abiquo:api:task:{task}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: jobs that are done, of all that there are by now, and when that was so (ms)."""

    jobs: int
    done: int
    at: int

    @property
    def part(self) -> float:
        """From 0.0 to 1.0."""
        return min(self.done / max(self.jobs, 1), 1.0)


async def look(store: Volatile, task: str) -> Progress | None:
    """Return how far a task is, as far as Redis knows; None where it does not answer or has forgotten."""
    try:
        found = await store.do("hgetall", key(task))
    except Unavailable:
        return None
    if not isinstance(found, dict):
        return None
    try:
        return Progress(*(int(found[name]) for name in ("jobs", "done", "at")))
    except (KeyError, ValueError):
        return None


async def show(store: Volatile, database: Transactions, task: str) -> None:
    """Write how far a task is to Redis, where that may get lost."""
    try:
        row = await database.one(_PROGRESS, task)
        if row is not None:
            row["at"] = now()
            pairs = [part for name in _SHOWN for part in (name, str(row[name]))]
            await store.do("execute_command", "HSET", key(task), *pairs)
            await store.do("expire", key(task), str(_LIFETIME))
    except Unavailable:
        return
