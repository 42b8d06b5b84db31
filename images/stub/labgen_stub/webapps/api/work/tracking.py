"""Tasks as the REST API shows them: those of a virtual machine, a template or a datacenter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from labgen_stub.webapps.api.work import documents, refusals, tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from labgen_stub.links.database import Row, Session
    from labgen_stub.links.store import Store
    from labgen_stub.webapps.api.work.finding import Find, Finder

_TASKS = """
SELECT task.*, user.enterprise_id AS user_enterprise
FROM task LEFT JOIN user ON user.id = task.user_id
WHERE task.owner_kind = %s AND task.owner_id = %s"""
_JOBS = "SELECT * FROM job WHERE task_id = %s ORDER BY created, id"


class Tracking:
    """Lists and tasks."""

    def __init__(self, finder: Finder, store: Store) -> None:
        self._finder, self._store = finder, store

    def below(self, path: str, find: Find) -> list[BaseRoute]:
        """Return the routes for the tasks of what `find` finds at `path`."""
        return [
            Route(f"{path}/tasks", self._list_of(find)),
            Route(f"{path}/tasks/{{task:str}}", self._one_of(find)),
        ]

    def _list_of(self, find: Find) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            owner, _ = await find(request)
            start, limit = documents.window(request)

            async def work(session: Session) -> tuple[list[Row], int]:
                count = await session.one(
                    "SELECT COUNT(*) AS n FROM task WHERE owner_kind = %s AND owner_id = %s",
                    owner.kind,
                    owner.id,
                )
                rows = await session.all(
                    f"{_TASKS} ORDER BY task.created DESC, task.id LIMIT %s OFFSET %s",
                    owner.kind,
                    owner.id,
                    limit,
                    start,
                )
                for row in rows:
                    row["jobs"] = await session.all(_JOBS, row["id"])
                return rows, int(count["n"]) if count else 0

            rows, total = await self._finder.transact(work)
            collection = [documents.task(request, owner, row, row["jobs"]) for row in rows]
            return documents.shown(
                request, documents.TASKS, documents.page(request, documents.TASKS, collection, total)
            )

        return show

    def _one_of(self, find: Find) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            owner, _ = await find(request)
            task = request.path_params["task"]

            async def work(session: Session) -> tuple[Row | None, list[Row]]:
                row = await session.one(f"{_TASKS} AND task.id = %s", owner.kind, owner.id, task)
                return row, await session.all(_JOBS, task)

            row, jobs = await self._finder.transact(work)
            if row is None:
                raise refusals.no_such_task()
            going_on = row["state"] == tasks.STARTED
            progress = await tasks.look(self._store, task) if going_on else None
            return documents.shown(
                request, documents.TASK, documents.task(request, owner, row, jobs, progress)
            )

        return show
