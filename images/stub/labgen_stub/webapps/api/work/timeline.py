"""`/api/events`: what happened, the newest first (platform.md 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import no_database, not_acceptable
from labgen_stub.web.media import Entity, negotiate
from labgen_stub.webapps.api.user import Rank
from labgen_stub.webapps.api.work import bodies, documents

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.user import User

# Filters by the columns of the same name; times are `datefrom` and `dateto`, in ms, both included.
_EQUAL = ("severity", "type", "action", "component", "user")
_TIMES = {"datefrom": ">=", "dateto": "<="}
_LONGEST, _DIGITS = 128, 18


class Timeline:
    """The resource of events. Administrators of the platform see all, others those of their enterprise."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def routes(self) -> list[BaseRoute]:
        """Where it is."""
        return [Route(f"{self._api.root}/events", self._list)]

    async def _list(self, request: Request) -> Response:
        user = (await self._api.authenticator.user(request)).user
        chosen = negotiate(request.headers.get("accept"), documents.EVENTS)
        if chosen is None:
            raise not_acceptable(documents.EVENTS)
        start, limit = documents.window(request)
        where, arguments = _filter(request, user)

        async def work(session: Session) -> tuple[list[Row], int]:
            count = await session.one(f"SELECT COUNT(*) AS n FROM event{where}", *arguments)  # noqa: S608
            rows = await session.all(
                f"SELECT id, document FROM event{where} ORDER BY id DESC LIMIT %s OFFSET %s",  # noqa: S608
                *arguments,
                limit,
                start,
            )
            return rows, int(count["n"]) if count else 0

        try:
            rows, total = await self._api.database.transact(work)
        except Unavailable as error:
            raise no_database(error) from error
        collection = [documents.event(row) for row in rows]
        return Entity(documents.page(request, documents.EVENTS, collection, total), chosen)


def _filter(request: Request, user: User) -> tuple[str, tuple[object, ...]]:
    """Return the condition and its arguments. Raises `ApiError`, 400, for a time that is none."""
    conditions: list[tuple[str, object]] = []
    if user.rank < Rank.CLOUD_ADMIN:
        conditions.append(("enterprise_id = %s", user.enterprise_id))
    conditions += [
        (f"{name} = %s", bodies.text({name: value}, name, _LONGEST))
        for name in _EQUAL
        if (value := request.query_params.get(name))
    ]
    for name, operator in _TIMES.items():
        if value := request.query_params.get(name):
            if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
                raise bodies.bad(f"'{name}' must be a time in milliseconds since 1970")
            conditions.append((f"timestamp {operator} %s", int(value)))
    if not conditions:
        return "", ()
    return " WHERE " + " AND ".join(text for text, _ in conditions), tuple(value for _, value in conditions)
