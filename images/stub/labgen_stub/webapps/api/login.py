"""`/login`, `/logout` and the user who logged in (platform.md 2.3, W18)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import ApiError, not_acceptable
from labgen_stub.web.media import Entity, negotiate
from labgen_stub.webapps.api import user as users
from labgen_stub.webapps.api.auth import Authenticator, Identity, unavailable
from labgen_stub.webapps.api.events import Events, event

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.webapps.api.tokens import TokenStore

TOKEN_HEADER = "X-Abiquo-Token"  # noqa: S105 - the name of a header


class Login:
    """The resources of a session's life."""

    def __init__(self, root: str, authenticator: Authenticator, tokens: TokenStore, events: Events) -> None:
        self._root, self._authenticator = root, authenticator
        self._tokens, self._events = tokens, events

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        user = "/admin/enterprises/{enterprise:int}/users/{user:int}"
        return [
            Route(f"{self._root}/login", self._login),
            Route(f"{self._root}/logout", self._logout, methods=["GET", "POST"]),
            Route(self._root + user, self._user),
        ]

    async def _login(self, request: Request) -> Response:
        """Say who is asking; a password is exchanged for a token, and that is an event."""
        identity = await self._authenticator.user(request)
        answer = self._represent(request, identity)
        token = identity.token
        if token is None:
            try:
                token = await self._tokens.create(identity.user.nick)
            except Unavailable as error:
                raise unavailable(error) from error
            path = users.path(self._root, identity.user)
            self._events.publish(event("LOGIN", "USER", identity.user, path))
        answer.headers[TOKEN_HEADER] = token
        return answer

    async def _logout(self, request: Request) -> Response:
        identity = await self._authenticator.user(request)
        if identity.token is not None:
            try:
                await self._tokens.forget(identity.token)
            except Unavailable as error:
                raise unavailable(error) from error
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _user(self, request: Request) -> Response:
        identity = await self._authenticator.user(request)
        if request.url.path != users.path(self._root, identity.user):
            raise ApiError(HTTPStatus.NOT_FOUND, "404", "The requested resource does not exist")
        return self._represent(request, identity)

    def _represent(self, request: Request, identity: Identity) -> Response:
        chosen = negotiate(request.headers.get("accept"), users.TYPE)
        if chosen is None:
            raise not_acceptable(users.TYPE)
        return Entity(users.document(request, self._root, identity.user), chosen)
