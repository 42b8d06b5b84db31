"""`/login`, `/logout` and the user who logged in (platform.md 2.3, W18)."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.web.errors import ApiError, not_acceptable
from labgen_stub.web.media import Entity, negotiate
from labgen_stub.webapps.api import user as users
from labgen_stub.webapps.api.auth import Authenticator, Identity, unavailable
from labgen_stub.webapps.api.events import Events, event
from labgen_stub.webapps.api.tokens import TokenStore, TokensUnavailable

TOKEN_HEADER = "X-Abiquo-Token"  # noqa: S105 - the name of a header


def routes(root: str, authenticator: Authenticator, tokens: TokenStore, events: Events) -> list[BaseRoute]:
    """The routes of a session's life."""

    def represent(request: Request, identity: Identity, headers: dict[str, str] | None = None) -> Response:
        chosen = negotiate(request.headers.get("accept"), users.TYPE)
        if chosen is None:
            raise not_acceptable(users.TYPE)
        return Entity(users.document(request, root, identity.user), chosen, headers=headers)

    async def login(request: Request) -> Response:
        """Who I am; a password is exchanged for a token, and the login is an event."""
        identity = await authenticator.user(request)
        answer = represent(request, identity)
        token = identity.token
        if token is None:
            try:
                token = await tokens.create(identity.user.nick)
            except TokensUnavailable as error:
                raise unavailable(error) from error
            events.publish(event("LOGIN", "USER", identity.user, users.path(root, identity.user)))
        answer.headers[TOKEN_HEADER] = token
        return answer

    async def logout(request: Request) -> Response:
        identity = await authenticator.user(request)
        if identity.token is not None:
            try:
                await tokens.forget(identity.token)
            except TokensUnavailable as error:
                raise unavailable(error) from error
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def one_user(request: Request) -> Response:
        identity = await authenticator.user(request)
        if request.url.path != users.path(root, identity.user):
            raise ApiError(HTTPStatus.NOT_FOUND, "404", "The requested resource does not exist")
        return represent(request, identity)

    return [
        Route(f"{root}/login", login),
        Route(f"{root}/logout", logout, methods=["GET", "POST"]),
        Route(root + "/admin/enterprises/{enterprise:int}/users/{user:int}", one_user),
    ]
