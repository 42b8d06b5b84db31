"""Actions in the REST API: what takes time is accepted (202), and a task says how far it is."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.webapps.api.user import Rank
from labgen_stub.webapps.api.work import (
    bodies,
    changing,
    discovery,
    documents,
    removal,
    starting,
    tasks,
)
from labgen_stub.webapps.api.work.finding import Finder
from labgen_stub.webapps.api.work.removal import Removal
from labgen_stub.webapps.api.work.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.work.tasks import Owner

# Transactions that lock are few at a time: there must be connections left for who only looks.
_AT_ONCE = 4


class WorkRoutes:
    """The resources of what takes time."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._finder = Finder(api)
        self._tracking = Tracking(self._finder, api.store)
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
            (machine, self._finder.machine),
            (template, self._finder.template),
            (f"{admin}/datacenters/{{datacenter:int}}", self._finder.datacenter),
            (f"{admin}/publiccloudregions/{{datacenter:int}}", self._finder.datacenter),
        ):
            found += self._tracking.below(path, owner)
        return found

    async def accept(
        self, request: Request, owner: Owner, work: Callable[[Session], Awaitable[str]]
    ) -> Response:
        """Begin work in a transaction that returns its task, and answer 202.

        Raises:
            ApiError: what `work` raises; 503, MySQL is away.
        """
        async with self._turns:
            task = await self._finder.transact(work)
        self._api.wake()
        await tasks.show(self._api.store, self._api.database, task)
        return documents.accepted(request, owner, task)

    async def _deploy(self, request: Request) -> Response:
        owner, author = await self._finder.machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(
            request, owner, lambda session: starting.deploy(session, owner.id, author, self._leasing)
        )

    async def _undeploy(self, request: Request) -> Response:
        owner, author = await self._finder.machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(
            request, owner, lambda session: starting.undeploy(session, owner.id, author, self._leasing)
        )

    async def _reset(self, request: Request) -> Response:
        owner, author = await self._finder.machine(request)
        await bodies.read(request, "virtualmachinetask")
        return await self.accept(request, owner, lambda session: changing.reset(session, owner.id, author))

    async def _instance(self, request: Request) -> Response:
        owner, author = await self._finder.machine(request)
        document = await bodies.read(request, "virtualmachineinstance", needed=True)
        name = bodies.text(document, "instanceName", 128).strip()
        if not name:
            raise bodies.bad("'instanceName' must be a text")
        return await self.accept(
            request, owner, lambda session: changing.instance(session, owner.id, name, author)
        )

    async def _state(self, request: Request) -> Response:
        owner, author = await self._finder.machine(request)
        if request.method == "PUT":
            document = await bodies.read(request, "virtualmachinestate", needed=True)
            wanted = document.get("state")
            if not isinstance(wanted, str) or wanted not in changing.POWER_STATES:
                raise bodies.bad(f"'state' must be one of {', '.join(sorted(changing.POWER_STATES))}")
            return await self.accept(
                request, owner, lambda session: changing.power(session, owner.id, wanted, author)
            )
        row = await self._finder.transact(
            lambda session: session.one("SELECT state FROM virtualmachine WHERE id = %s", owner.id)
        )
        return documents.shown(request, documents.STATE, {"state": row["state"] if row else "", "links": []})

    async def _discover(self, request: Request) -> Response:
        owner, author = await self._finder.datacenter(request)
        await bodies.read(request, "datacenter")
        return await self.accept(
            request, owner, lambda session: discovery.discover(session, owner.id, author)
        )

    async def _remove_template(self, request: Request) -> Response:
        owner, author = await self._finder.template(request)
        (await self._api.authenticator.user(request)).need(Rank.ENTERPRISE_ADMIN)
        task, row, uri = await self._finder.transact(lambda session: removal.begin(session, owner.id, author))
        self._api.wake()
        if not task:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        self._removal.ask(task, row, uri, request.headers["authorization"])
        return documents.accepted(request, owner, task)
