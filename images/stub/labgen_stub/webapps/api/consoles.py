"""Console tokens: what websockify asks the API (platform.md row 37).

The documents say that noVNC resolves a VM's token to host and port at the API, and not how. The paths
are this lab's choice: a user asks for a token at `POST /cloud/consoles`, and whoever holds the token may
ask at `GET /cloud/consoles/{token}` where it leads.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.auth import Authenticator, unavailable

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.links.store import Store

LIFETIME = 10 * 60
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_FIRST_PORT, _LAST_PORT = 5900, 65534  # row 33: the documented range of consoles
_MOST = 4096  # bytes of a request


class Consoles:
    """The resources of a console's token."""

    def __init__(self, root: str, authenticator: Authenticator, store: Store) -> None:
        self._root, self._authenticator, self._store = root, authenticator, store

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        return [
            Route(f"{self._root}/cloud/consoles", self._create, methods=["POST"]),
            Route(f"{self._root}/cloud/consoles/{{token:str}}", self._resolve),
        ]

    async def _create(self, request: Request) -> Response:
        """Make a token for a console's host and port."""
        await self._authenticator.user(request)
        host, port = _place(await request.body())
        token = secrets.token_urlsafe(24)
        try:
            await self._store.do("set", _key(token), json.dumps({"host": host, "port": port}), ex=LIFETIME)
        except Unavailable as error:
            raise unavailable(error) from error
        return JSONResponse({"token": token, "links": []}, HTTPStatus.CREATED)

    async def _resolve(self, request: Request) -> Response:
        """Say where a token leads; the token itself is the caller's right to know."""
        try:
            place = await self._store.do("get", _key(request.path_params["token"]))
        except Unavailable as error:
            raise unavailable(error) from error
        if place is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "404", "No console has this token")
        return JSONResponse(json.loads(str(place)))


def _key(token: str) -> str:
    # Who reads Redis must not get at consoles: only the digest is kept there.
    return "abiquo:api:console:" + hashlib.sha256(token.encode()).hexdigest()


def _place(body: bytes) -> tuple[str, int]:
    """Read host and port; 400 for anything that no console could have."""
    try:
        document = json.loads(body) if len(body) <= _MOST else None
    except ValueError:
        document = None
    host = document.get("host") if isinstance(document, dict) else None
    port = document.get("port") if isinstance(document, dict) else None
    if not (isinstance(host, str) and _HOST.fullmatch(host)):
        raise ApiError(HTTPStatus.BAD_REQUEST, "400-CONSOLE", "'host' must be the name of a console's host")
    if type(port) is not int or not _FIRST_PORT <= port <= _LAST_PORT:
        raise ApiError(HTTPStatus.BAD_REQUEST, "400-CONSOLE", f"'port' must be {_FIRST_PORT} to {_LAST_PORT}")
    return host, port
