"""Actions and tasks in the REST API: what takes time is accepted (202), and a task says how far it is."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import ApiError, not_acceptable
from labgen_stub.web.media import Entity, negotiate
from labgen_stub.webapps.api.user import Rank
from labgen_stub.webapps.api.work import (
    bodies,
    changing,
    discovery,
    documents,
    owners,
    refusals,
    removal,
    starting,
    tasks,
)
from labgen_stub.webapps.api.work.happenings import Author
from labgen_stub.webapps.api.work.removal import Removal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.user import User
    from labgen_stub.webapps.api.work.tasks import Owner

T = TypeVar("T")
# Transactions that lock are few at a time: there must be connections left for who only looks.
_AT_ONCE = 4
_LARGEST = 2**63 - 1
_MACHINE = """
SELECT vm.id, vm.state, va.id AS appliance, vdc.id AS vdc, vdc.enterprise_id
FROM virtualmachine vm
JOIN virtualappliance va ON va.id = vm.virtualappliance_id
JOIN virtualdatacenter vdc ON vdc.id = va.virtualdatacenter_id
WHERE vm.id = %s AND va.id = %s AND vdc.id = %s"""
_TASKS = """
SELECT task.*, user.enterprise_id AS user_enterprise
FROM task LEFT JOIN user ON user.id = task.user_id
WHERE task.owner_kind = %s AND task.owner_id = %s"""
_FORMER = """
SELECT owner_id AS id, enterprise_id, %s AS datacenter_id FROM task
WHERE owner_kind = 'template' AND owner_id = %s AND enterprise_id = %s LIMIT 1"""
_JOBS = "SELECT * FROM job WHERE task_id = %s ORDER BY created, id"


def author_of(user: User) -> Author:
    """Return a user as the author of an event."""
    return Author(user.id, user.nick, user.enterprise_id, user.enterprise_name)


class WorkRoutes:
    """The resources of what takes time."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # Datacenters whose leases this lab's API writes (row 30-api).
        self._leasing = frozenset(one.site for one in api.node.settings.to("omapi"))
        self._removal = Removal(api.database, api.wake)

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        machine = (
            f"{self._api.root}/cloud/virtualdatacenters/{{vdc:int}}/virtualappliances/{{vapp:int}}"
            "/virtualmachines/{vm:int}"
        )
        template = (
            f"{self._api.root}/admin/enterprises/{{enterprise:int}}/datacenterrepositories/{{repository:int}}"
            "/virtualmachinetemplates/{template:int}"
        )
        admin = f"{self._api.root}/admin"
        found: list[BaseRoute] = [
            Route(template, self._remove_template, methods=["DELETE"]),
            Route(f"{machine}/action/deploy", self._deploy, methods=["POST"]),
            Route(f"{machine}/action/undeploy", self._undeploy, methods=["POST"]),
            Route(f"{machine}/action/reset", self._reset, methods=["POST"]),
            Route(f"{machine}/action/instance", self._instance, methods=["POST"]),
            Route(f"{machine}/state", self._state, methods=["GET", "PUT"]),
            Route(
                f"{admin}/datacenters/{{datacenter:int}}/action/discover", self._discover, methods=["POST"]
            ),
        ]
        for path, owner in (
            (machine, self._machine),
            (template, self._template),
            (f"{admin}/datacenters/{{datacenter:int}}", self._datacenter),
            (f"{admin}/publiccloudregions/{{datacenter:int}}", self._datacenter),
        ):
            found += [
                Route(f"{path}/tasks", self._list_of(owner)),
                Route(f"{path}/tasks/{{task:str}}", self._one_of(owner)),
            ]
        return found

    async def accept(
        self, request: Request, owner: Owner, work: Callable[[Session], Awaitable[str]]
    ) -> Response:
        """Begin work in a transaction that returns its task, and answer 202.

        Raises:
            ApiError: what `work` raises; 503, MySQL is away.
        """
        async with self._turns:
            task = await self._do(work)
        self._api.wake()
        await tasks.show(self._api.store, self._api.database, task)
        return documents.accepted(request, owner, task)

    async def _do(self, work: Callable[[Session], Awaitable[T]]) -> T:
        try:
            return await self._api.database.transact(work)
        except Unavailable as error:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE, "503-DATABASE", "The database is not available now"
            ) from error

    async def _deploy(self, request: Request) -> Response:
        owner, author = await self._machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(
            request, owner, lambda session: starting.deploy(session, owner.id, author, self._leasing)
        )

    async def _undeploy(self, request: Request) -> Response:
        owner, author = await self._machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(
            request, owner, lambda session: starting.undeploy(session, owner.id, author, self._leasing)
        )

    async def _reset(self, request: Request) -> Response:
        owner, author = await self._machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(request, owner, lambda session: changing.reset(session, owner.id, author))

    async def _instance(self, request: Request) -> Response:
        owner, author = await self._machine(request)
        document = await bodies.read(request, "virtualmachineinstance", needed=True)
        name = bodies.text(document, "instanceName", 128).strip()
        if not name:
            raise bodies.bad("'instanceName' must be a text")
        return await self.accept(
            request, owner, lambda session: changing.instance(session, owner.id, name, author)
        )

    async def _state(self, request: Request) -> Response:
        owner, author = await self._machine(request)
        if request.method == "PUT":
            document = await bodies.read(request, "virtualmachinestate", needed=True)
            wanted = document.get("state")
            if not isinstance(wanted, str) or wanted not in changing.POWER_STATES:
                raise bodies.bad(f"'state' must be one of {', '.join(sorted(changing.POWER_STATES))}")
            return await self.accept(
                request, owner, lambda session: changing.power(session, owner.id, wanted, author)
            )
        row = await self._do(
            lambda session: session.one("SELECT state FROM virtualmachine WHERE id = %s", owner.id)
        )
        return self._show(request, documents.STATE, {"state": row["state"] if row else "", "links": []})

    async def _discover(self, request: Request) -> Response:
        owner, author = await self._datacenter(request)
        await bodies.read(request, "datacenter")
        return await self.accept(
            request, owner, lambda session: discovery.discover(session, owner.id, author)
        )

    async def _remove_template(self, request: Request) -> Response:
        owner, author = await self._template(request)
        (await self._api.authenticator.user(request)).need(Rank.ENTERPRISE_ADMIN)
        task, row, uri = await self._do(lambda session: removal.begin(session, owner.id, author))
        self._api.wake()
        if not task:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        self._removal.ask(task, row, uri, request.headers["authorization"])
        return documents.accepted(request, owner, task)

    def _list_of(
        self, find: Callable[[Request], Awaitable[tuple[Owner, Author]]]
    ) -> Callable[[Request], Awaitable[Response]]:
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

            rows, total = await self._do(work)
            collection = [documents.task(request, owner, row, row["jobs"]) for row in rows]
            return self._show(
                request, documents.TASKS, documents.page(request, documents.TASKS, collection, total)
            )

        return show

    def _one_of(
        self, find: Callable[[Request], Awaitable[tuple[Owner, Author]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            owner, _ = await find(request)
            task = request.path_params["task"]

            async def work(session: Session) -> tuple[Row | None, list[Row]]:
                row = await session.one(f"{_TASKS} AND task.id = %s", owner.kind, owner.id, task)
                return row, await session.all(_JOBS, task)

            row, jobs = await self._do(work)
            if row is None:
                raise refusals.no_such_task()
            going_on = row["state"] == tasks.STARTED
            progress = await tasks.look(self._api.store, task) if going_on else None
            return self._show(request, documents.TASK, documents.task(request, owner, row, jobs, progress))

        return show

    async def _machine(self, request: Request) -> tuple[Owner, Author]:
        """Find the virtual machine of a path, for who may see it."""
        user = (await self._api.authenticator.user(request)).user
        numbers = [request.path_params[name] for name in ("vm", "vapp", "vdc")]
        row = await self._find(_MACHINE, *numbers)
        if row is None or (user.rank < Rank.CLOUD_ADMIN and row["enterprise_id"] != user.enterprise_id):
            raise refusals.no_such_machine()
        return owners.of_machine_row(row), author_of(user)

    async def _template(self, request: Request) -> tuple[Owner, Author]:
        """Find the template of a path, for who may see it."""
        user = (await self._api.authenticator.user(request)).user
        numbers = [request.path_params[name] for name in ("template", "enterprise", "repository")]
        row = await self._find(
            "SELECT * FROM template WHERE id = %s AND enterprise_id = %s AND datacenter_id = %s", *numbers
        )
        if row is None:
            # One that was deleted still has the task that did it.
            row = await self._find(_FORMER, numbers[2], numbers[0], numbers[1])
        if row is None or (user.rank < Rank.CLOUD_ADMIN and row["enterprise_id"] != user.enterprise_id):
            raise refusals.no_such_template()
        row |= {"datacenter_id": numbers[2]}
        return owners.of_template(row), author_of(user)

    async def _datacenter(self, request: Request) -> tuple[Owner, Author]:
        """Find the datacenter of a path, for administrators of the platform."""
        identity = await self._api.authenticator.user(request)
        identity.need(Rank.CLOUD_ADMIN)
        row = await self._find(
            "SELECT id, kind FROM datacenter WHERE id = %s", request.path_params["datacenter"]
        )
        if row is None:
            raise refusals.no_such_datacenter()
        return owners.of_datacenter(row), author_of(identity.user)

    async def _find(self, statement: str, *numbers: int) -> Row | None:
        if max(numbers) > _LARGEST:
            return None
        return await self._do(lambda session: session.one(statement, *numbers))

    @staticmethod
    def _show(request: Request, kind: str, document: dict[str, object]) -> Response:
        chosen = negotiate(request.headers.get("accept"), kind)
        if chosen is None:
            raise not_acceptable(kind)
        return Entity(document, chosen)
