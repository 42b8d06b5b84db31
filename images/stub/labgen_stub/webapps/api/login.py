"""`/login` and `/logout` (platform.md 2.3, W18)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.media import Entity
from labgen_stub.webapps.api import user as users
from labgen_stub.webapps.api.auth import unavailable
from labgen_stub.webapps.api.events import event
from labgen_stub.webapps.api.resources import documents, statements, storing
from labgen_stub.webapps.api.resources.directory import USER
from labgen_stub.webapps.api.resources.endpoint import acceptable

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.webapps.api.context import Api

TOKEN_HEADER = "X-Abiquo-Token"  # noqa: S105 - the name of a header


class Login:
    """The resources of a session's life."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        root = self._api.root
        return [
            Route(f"{root}/login", self._login),
            Route(f"{root}/logout", self._logout, methods=["GET", "POST"]),
        ]

    async def _login(self, request: Request) -> Response:
        """Say who is asking; a password is exchanged for a token, and that is an event."""
        api = self._api
        identity = await api.authenticator.user(request)
        user, token = identity.user, identity.token
        chosen = acceptable(request, USER.entity)
        row = await storing.transact(
            api.database, lambda session: statements.fetch(session, USER, user, {USER.number: user.id})
        )
        if row is None:
            raise storing.not_found()
        if token is None:
            try:
                token = await api.tokens.create(user.nick)
            except Unavailable as error:
                raise unavailable(error) from error
            api.events.publish(event("LOGIN", "USER", user, users.path(api.root, user)))
        document = documents.entity(request, api.root, USER, row, user)
        return Entity(document, chosen, headers={TOKEN_HEADER: token})

    async def _logout(self, request: Request) -> Response:
        identity = await self._api.authenticator.user(request)
        if identity.token is not None:
            try:
                await self._api.tokens.forget(identity.token)
            except Unavailable as error:
                raise unavailable(error) from error
        return Response(status_code=HTTPStatus.NO_CONTENT)
