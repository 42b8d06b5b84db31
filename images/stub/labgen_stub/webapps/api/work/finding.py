"""Whose work a request is about: the virtual machine, template or datacenter of its path, and who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import no_database
from labgen_stub.webapps.api.user import Rank
from labgen_stub.webapps.api.work import owners, refusals
from labgen_stub.webapps.api.work.happenings import Author

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.user import User
    from labgen_stub.webapps.api.work.tasks import Owner

    # Finds it, for who may see it. Raises `ApiError`: 401, 403, 404.
    Find = Callable[[Request], Awaitable[tuple[Owner, Author]]]

T = TypeVar("T")
_LARGEST = 2**63 - 1
_MACHINE = """
SELECT vm.id, vm.state, va.id AS appliance, vdc.id AS vdc, vdc.enterprise_id
FROM virtualmachine vm
JOIN virtualappliance va ON va.id = vm.virtualappliance_id
JOIN virtualdatacenter vdc ON vdc.id = va.virtualdatacenter_id
WHERE vm.id = %s AND va.id = %s AND vdc.id = %s"""
_FORMER = """
SELECT owner_id AS id, enterprise_id, %s AS datacenter_id FROM task
WHERE owner_kind = 'template' AND owner_id = %s AND enterprise_id = %s LIMIT 1"""


def author_of(user: User) -> Author:
    """Return a user as the author of an event."""
    return Author(user.id, user.nick, user.enterprise_id, user.enterprise_name)


class Finder:
    """Looks them up in the database."""

    def __init__(self, api: Api) -> None:
        self._database, self._authenticator = api.database, api.authenticator

    async def transact(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do something in a transaction. Raises `ApiError`, 503, when MySQL is away."""
        try:
            return await self._database.transact(work)
        except Unavailable as error:
            raise no_database(error) from error

    async def machine(self, request: Request) -> tuple[Owner, Author]:
        """Find the virtual machine of a path, for who may see it."""
        user = (await self._authenticator.user(request)).user
        numbers = [request.path_params[name] for name in ("vm", "vapp", "vdc")]
        row = await self._find(_MACHINE, *numbers)
        if row is None or (user.rank < Rank.CLOUD_ADMIN and row["enterprise_id"] != user.enterprise_id):
            raise refusals.no_such_machine()
        return owners.of_machine_row(row), author_of(user)

    async def template(self, request: Request) -> tuple[Owner, Author]:
        """Find the template of a path, for who may see it."""
        user = (await self._authenticator.user(request)).user
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

    async def datacenter(self, request: Request) -> tuple[Owner, Author]:
        """Find the datacenter of a path, for administrators of the platform."""
        identity = await self._authenticator.user(request)
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
        return await self.transact(lambda session: session.one(statement, *numbers))
