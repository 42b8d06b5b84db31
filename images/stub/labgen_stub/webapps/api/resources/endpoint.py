"""What a resource answers: lists, entities, and their making, changing and removal."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.web.bodies import read_object
from labgen_stub.web.errors import not_acceptable
from labgen_stub.web.links import base
from labgen_stub.web.media import Entity, entity_type, negotiate
from labgen_stub.webapps.api.resources import documents, statements, storing, values
from labgen_stub.webapps.api.resources.model import LARGEST_NUMBER, NUMBER
from labgen_stub.webapps.api.resources.paging import read_page
from labgen_stub.webapps.api.work import happenings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.resources.model import Resource
    from labgen_stub.webapps.api.user import User

T = TypeVar("T")
_NUMBER = re.compile(NUMBER)


def numbers_of(request: Request) -> dict[str, int]:
    """Return the numbers in the path of a request. Raises `ApiError` 404 for anything that is none."""
    numbers = dict[str, int]()
    for name, text in request.path_params.items():
        if not _NUMBER.fullmatch(text) or (number := int(text)) > LARGEST_NUMBER:
            raise storing.not_found()
        numbers[name] = number
    return numbers


def acceptable(request: Request, entity: str) -> str:
    """Return the type to answer with. Raises `ApiError` 406."""
    chosen = negotiate(request.headers.get("accept"), entity_type(entity))
    if chosen is None:
        raise not_acceptable(entity_type(entity))
    return chosen


class Endpoint:
    """Serves one resource at its collection's and its entities' paths."""

    def __init__(self, api: Api, resource: Resource) -> None:
        self._api, self._resource = api, resource

    def routes(self) -> list[BaseRoute]:
        """Where it is, with the methods that anybody may use there."""
        resource, root, access = self._resource, self._api.root, self._resource.access
        listing = ["GET"] + (["POST"] if access.create is not None else [])
        one = ["GET"]
        one += ["PUT"] if access.update is not None else []
        one += ["DELETE"] if access.delete is not None else []
        found: list[BaseRoute] = [Route(root + resource.list_path, self.collection, methods=listing)]
        if resource.entity_route:
            found.append(Route(root + resource.path, self.entity, methods=one))
        return found

    async def collection(self, request: Request) -> Response:
        """List, or make a new one."""
        user = (await self._api.authenticator.user(request)).user
        return await (self._create if request.method == "POST" else self._list)(request, user)

    async def entity(self, request: Request) -> Response:
        """Show, change or remove one."""
        user = (await self._api.authenticator.user(request)).user
        if request.method == "PUT":
            return await self._update(request, user)
        if request.method == "DELETE":
            return await self._delete(request, user)
        return await self._show(request, user)

    async def _list(self, request: Request, user: User) -> Response:
        resource = self._resource
        user.need(resource.access.read)
        chosen, numbers = acceptable(request, resource.plural), numbers_of(request)
        wanted = read_page(resource, request.query_params)

        async def work(session: Session) -> tuple[list[Row], int]:
            if resource.parent is not None:
                await self._there(session, resource.parent[0], user, numbers)
            return await statements.page(session, resource, user, numbers, wanted)

        rows, total = await storing.transact(self._api.database, work)
        entities = [self._represent(request, row, user) for row in rows]
        return Entity(documents.collection(request, resource.plural, entities, total, wanted), chosen)

    async def _show(self, request: Request, user: User) -> Response:
        resource = self._resource
        user.need(resource.access.read)
        chosen, numbers = acceptable(request, resource.entity), numbers_of(request)
        row = await storing.transact(
            self._api.database, lambda session: self._there(session, resource, user, numbers)
        )
        return Entity(self._represent(request, row, user), chosen)

    async def _create(self, request: Request, user: User) -> Response:
        resource = self._resource
        user.need(resource.access.create)
        chosen, numbers = acceptable(request, resource.entity), numbers_of(request)
        document = await read_object(request, resource.entity)
        given = values.read_fields(resource, document, creating=True)

        async def work(session: Session) -> Row:
            written: dict[str, Any] = dict(resource.fixed)
            if resource.parent is not None:
                parent, column = resource.parent
                await self._there(session, parent, user, numbers)
                written[column] = numbers[parent.number]
            written |= given | await self._references(session, user, document, creating=True)
            if resource.prepare is not None:
                await resource.prepare(session, user, written)
            number = await statements.insert(session, resource, written)
            row = await self._there(session, resource, user, {resource.number: number})
            await self._tell(session, user, row, "CREATE")
            return row

        row = await self._write(work)
        place = base(request) + self._api.root + documents.path_of(resource, row)
        return Entity(self._represent(request, row, user), chosen, HTTPStatus.CREATED, {"Location": place})

    async def _update(self, request: Request, user: User) -> Response:
        resource = self._resource
        user.need(resource.access.update)
        chosen, numbers = acceptable(request, resource.entity), numbers_of(request)
        document = await read_object(request, resource.entity)
        given = values.read_fields(resource, document, creating=False)

        async def work(session: Session) -> tuple[Row, str | None]:
            row = await self._locked(session, user, numbers)
            changed = given | await self._references(session, user, document, creating=False)
            task = None
            if resource.change is not None:
                task = await resource.change(session, user, row, changed)
            if task is None:
                await statements.update(session, resource, numbers[resource.number], changed)
                await self._tell(session, user, row, "MODIFY")
            return await self._there(session, resource, user, numbers), task

        row, task = await self._write(work)
        if task is not None:
            return self._accepted(request, row, task)
        return Entity(self._represent(request, row, user), chosen)

    async def _delete(self, request: Request, user: User) -> Response:
        resource = self._resource
        user.need(resource.access.delete)
        numbers = numbers_of(request)

        async def work(session: Session) -> tuple[Row, str | None]:
            row = await self._locked(session, user, numbers)
            for guard in resource.guards:
                if await session.one(guard.query, numbers[resource.number]) is not None:
                    raise storing.conflict(guard.message)
            task = None
            if resource.remove is not None:
                task = await resource.remove(session, user, row)
            if task is None:
                await statements.delete(session, resource, numbers[resource.number])
                await self._tell(session, user, row, "DELETE")
            return row, task

        row, task = await self._write(work)
        if task is not None:
            return self._accepted(request, row, task)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _write(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction, and have sent what it left in the outbox."""
        result = await storing.transact(self._api.database, work)
        self._api.wake()
        return result

    async def _there(self, session: Session, resource: Resource, user: User, numbers: dict[str, int]) -> Row:
        """Return the row of an entity. Raises `ApiError` 404."""
        known = {name: number for name, number in numbers.items() if name in resource.parameters}
        row = await statements.fetch(session, resource, user, known)
        if row is None:
            raise storing.not_found()
        return row

    async def _locked(self, session: Session, user: User, numbers: dict[str, int]) -> Row:
        """Return the row of an entity that nobody else changes until the transaction ends."""
        await statements.lock(session, self._resource, numbers[self._resource.number])
        return await self._there(session, self._resource, user, numbers)

    async def _references(
        self, session: Session, user: User, document: dict[str, Any], *, creating: bool
    ) -> dict[str, object]:
        return await values.read_references(
            session, self._resource, user, document, self._api.root, creating=creating
        )

    def _represent(self, request: Request, row: Row, user: User) -> dict[str, Any]:
        return documents.entity(request, self._api.root, self._resource, row, user)

    def _accepted(self, request: Request, row: Row, task: str) -> Response:
        path = f"{self._api.root}{documents.path_of(self._resource, row)}/tasks/{task}"
        return Entity(documents.accepted(request, path), entity_type("acceptedrequest"), HTTPStatus.ACCEPTED)

    async def _tell(self, session: Session, user: User, row: Row, action: str) -> None:
        """Write down what happened, for `/api/events` and whoever listens."""
        resource = self._resource
        if not resource.event:
            return
        enterprise = row.get("x_tenant")
        await happenings.tell(
            session,
            happenings.Happening(
                action,
                resource.event,
                self._api.root + documents.path_of(resource, row),
                happenings.Author(user.id, user.nick, user.enterprise_id, user.enterprise_name),
                None if enterprise is None else int(enterprise),
            ),
        )
