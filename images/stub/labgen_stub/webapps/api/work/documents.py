"""Tasks and events as the REST API shows them (platform.md 2.3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from labgen_stub.web.errors import not_acceptable
from labgen_stub.web.links import link
from labgen_stub.web.media import Entity, entity_type, negotiate
from labgen_stub.webapps.api.work import paths, tasks
from labgen_stub.webapps.api.work.bodies import bad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from labgen_stub.links.database import Row
    from labgen_stub.webapps.api.work.tasks import Owner, Progress

TASK, TASKS, ACCEPTED = entity_type("task"), entity_type("tasks"), entity_type("acceptedrequest")
EVENTS, STATE = entity_type("events"), entity_type("virtualmachinestate")
_LIMIT, _LARGEST_LIMIT = 25, 1000
_LARGEST_START = 2**31


def shown(request: Request, kind: str, document: dict[str, object]) -> Entity:
    """Answer with a document in the version that is asked for. Raises `ApiError`, 406."""
    chosen = negotiate(request.headers.get("accept"), kind)
    if chosen is None:
        raise not_acceptable(kind)
    return Entity(document, chosen)


def task_path(owner: Owner, task: str) -> str:
    """Return where a task is shown."""
    return f"{owner.path}/tasks/{task}"


def accepted(request: Request, owner: Owner, task: str) -> Entity:
    """202: it is being done, and the task says how far."""
    document = {
        "message": f"You can keep track of the progress in the link '{tasks_rel()}'",
        "links": [link(request, tasks_rel(), task_path(owner, task), TASK)],
    }
    chosen = negotiate(request.headers.get("accept"), ACCEPTED) or negotiate(None, ACCEPTED) or ACCEPTED
    return Entity(document, chosen, 202)


def tasks_rel() -> str:
    """Return the relation of an accepted request's task."""
    return "status"


def task(
    request: Request, owner: Owner, row: Row, jobs: Sequence[Row], progress: Progress | None = None
) -> dict[str, Any]:
    """Represent a task with its jobs. `error`, `fault`, `progress` and a job's `steps` are ours.

    `progress` is what Redis knows of one that has not ended; without it the jobs tell.
    """
    links = [
        link(request, "self", task_path(owner, row["id"]), TASK),
        link(request, "parent", owner.path, entity_type(_ENTITIES[owner.kind])),
    ]
    if row["user_enterprise"] is not None:
        path = paths.user(int(row["user_enterprise"]), int(row["user_id"]))
        links.append(link(request, "user", path, entity_type("user")))
    links += _result(request, jobs)
    ended = row["state"] in (tasks.GOOD, tasks.BAD)
    if progress is None:
        done = sum(one["state"] == "DONE" for one in jobs)
        progress = tasks.Progress(len(jobs), done, row["created"])
    document = {
        "taskId": row["id"],
        "type": row["type"],
        "state": row["state"],
        "ownerId": str(row["owner_id"]),
        "userId": str(row["user_id"] or ""),
        "creationTimestamp": row["created"],
        "timestamp": row["ended"] if ended else progress.at,
        "progress": 1.0 if ended else progress.part,
        "jobs": {"links": [], "collection": [_job(one) for one in jobs], "totalSize": len(jobs)},
        "links": links,
    }
    if row["error"] and ended:
        document |= {"error": row["error"], "fault": row["fault"]}
    return document


_ENTITIES = {
    "virtualmachine": "virtualmachine",
    "template": "virtualmachinetemplate",
    "datacenter": "datacenter",
}


def _job(row: Row) -> dict[str, Any]:
    answer = json.loads(row["answer"]) if row["answer"] else {}
    document = {
        "id": row["id"],
        "parentTaskId": row["task_id"],
        "type": row["type"],
        # One that waits for another is the same to a user.
        "state": "PENDING" if row["state"] == "WAITING" else row["state"],
        "creationTimestamp": row["created"],
        "timestamp": row["ended"] or row["created"],
        "description": f"{row['type']} at {row['datacenter']}",
        "server": answer.get("server", ""),
        "steps": answer.get("steps", []),
        "links": [],
    }
    if answer.get("error"):
        document |= {"error": answer["error"], "fault": answer.get("fault", "")}
    return document


def _result(request: Request, jobs: Sequence[Row]) -> list[dict[str, str]]:
    """Link the template that a task made."""
    for job in jobs:
        if job["type"] == "INSTANCE" and job["state"] == "DONE":
            path = paths.template(**json.loads(job["memo"])["made"])
            return [link(request, "result", path, entity_type("virtualmachinetemplate"))]
    return []


def event(row: Row) -> dict[str, Any]:
    """Represent an event: the document that was streamed, with its number."""
    return {"id": row["id"], **json.loads(row["document"]), "links": []}


def window(request: Request) -> tuple[int, int]:
    """Return offset and length of the page that is asked for. Raises `ApiError`, 400."""
    found = []
    for name, default, most in (("startwith", 0, _LARGEST_START), ("limit", _LIMIT, _LARGEST_LIMIT)):
        value = request.query_params.get(name, str(default))
        if not (value.isascii() and value.isdigit()) or len(value) > len(str(most)):
            raise bad(f"'{name}' must be a number from 0 to {most}")
        found.append(min(int(value), most))
    return found[0], found[1] or _LARGEST_LIMIT


def page(request: Request, kind: str, collection: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Represent a page of a collection, with links to the others."""
    start, limit = window(request)
    last = max((total - 1) // limit, 0) * limit
    places = {"first": 0, "last": last}
    if start > 0:
        places["prev"] = max(start - limit, 0)
    if start + limit < total:
        places["next"] = start + limit
    others = [pair for pair in request.query_params.multi_items() if pair[0] not in ("startwith", "limit")]
    links = [
        link(
            request,
            rel,
            f"{request.url.path}?{urlencode([*others, ('startwith', at), ('limit', limit)])}",
            kind,
        )
        for rel, at in places.items()
    ]
    return {"links": links, "collection": collection, "totalSize": total}
