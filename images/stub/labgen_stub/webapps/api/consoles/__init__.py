"""Consoles of machines: tokens, what websockify asks (platform.md row 37), Guacamole's tunnel (row 32).

The documents say that noVNC resolves a VM's token at the API, that the platform registers the event
`VIRTUAL_MACHINE_REQUEST_ACCESS`, hands out a link to the connection and asks for the password (W9, W10),
and not how. The paths and the documents' form are this lab's choice:

- `POST …/virtualmachines/{m}/action/remoteaccess`, with `protocol` (`vnc`, `ssh`, `rdp`), `username`,
  `password` and `address`, all optional: a token for the console of one's own machine, until when it is good,
  and the links to use it with: `novnc` (VNC only) and `tunnel`.
- `GET /cloud/consoles/{token}`: host and port of a VNC console, for websockify. This uses the token up.
- `/cloud/consoles/{token}/tunnel`: a WebSocket that speaks Guacamole's protocol. It uses the token up too.
- `POST /cloud/consoles`, for administrators: a token for any display by host and port.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.access import LOGGED_PATH
from labgen_stub.web.errors import ApiError, not_acceptable
from labgen_stub.web.links import base, link
from labgen_stub.web.media import Entity, entity_type, negotiate
from labgen_stub.webapps.api import user as users
from labgen_stub.webapps.api.consoles.places import Places, read_place, read_wish
from labgen_stub.webapps.api.consoles.tickets import LIFETIME, Tickets
from labgen_stub.webapps.api.consoles.tunnel import Tunnels
from labgen_stub.webapps.api.events import event

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.webapps.api.context import Api

TYPE = entity_type("remoteaccess")
# A token that an administrator asks for may wait until a long verification comes to its turn.
_ADMIN_LIFETIME = 10 * LIFETIME
_VM = (
    "/cloud/virtualdatacenters/{virtualdatacenter:int}/virtualappliances/{virtualappliance:int}"
    "/virtualmachines/{virtualmachine:int}"
)
ACTION = "/action/remoteaccess"
_CONSOLE_PORT = 41337  # row 35
# The front end says in it where its user finds consoles (compose-templates/frontend): only it knows by which
# of its published ports he came.
_WHERE = "x-labgen-console"


class Consoles:
    """The resources of consoles and their tokens."""

    def __init__(self, api: Api) -> None:
        self._root, self._authenticator, self._events = api.root, api.authenticator, api.events
        self._tickets = Tickets(api.store)
        self._places = Places(api.database, lambda: api.node.settings.guests)
        self._tunnels = Tunnels(self._tickets, lambda: api.node.settings.to("guacd"))

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        consoles = f"{self._root}/cloud/consoles"
        return [
            Route(self._root + _VM + ACTION, self._ask, methods=["POST"]),
            Route(consoles, self._create, methods=["POST"]),
            Route(f"{consoles}/{{token:str}}", self._resolve, methods=["GET"]),
            WebSocketRoute(f"{consoles}/{{token:str}}/tunnel", self._tunnels.serve),
            Route(f"{consoles}/{{token:str}}/tunnel", self._no_upgrade, methods=["GET"]),
        ]

    async def _ask(self, request: Request) -> Response:
        """Give a user a token for a console of a virtual machine."""
        identity = await self._authenticator.user(request)
        chosen = negotiate(request.headers.get("accept"), TYPE)
        if chosen is None:
            raise not_acceptable(TYPE)
        _check_type(request)
        wish, numbers = read_wish(await request.body()), request.path_params
        try:
            ticket = await self._places.of(
                identity.user, numbers, wish, every=identity.user.rank >= users.Rank.CLOUD_ADMIN
            )
            token, expires = await self._tickets.make(ticket)
        except Unavailable as error:
            raise _unavailable() from error
        machine = self._root + _VM.replace(":int", "").format_map(numbers)
        self._events.publish(
            event("VIRTUAL_MACHINE_REQUEST_ACCESS", "VIRTUAL_MACHINE", identity.user, machine)
            | {"userURI": users.path(self._root, identity.user), "entityURI": machine}
        )
        links = [
            *([{"rel": "novnc", "href": _novnc(request, token)}] if ticket.protocol == "vnc" else []),
            {"rel": "tunnel", "href": _ws(base(request)) + f"{self._root}/cloud/consoles/{token}/tunnel"},
            link(request, "virtualmachine", machine, entity_type("virtualmachine"), ticket.label),
        ]
        document = {"token": token, "expires": expires, "protocol": ticket.protocol, "links": links}
        return Entity(document, chosen, HTTPStatus.CREATED)

    async def _create(self, request: Request) -> Response:
        """Make a token for a display's host and port."""
        identity = await self._authenticator.user(request)
        identity.need(users.Rank.CLOUD_ADMIN)
        ticket = read_place(await request.body())
        try:
            token, expires = await self._tickets.make(ticket, _ADMIN_LIFETIME)
        except Unavailable as error:
            raise _unavailable() from error
        return JSONResponse({"token": token, "expires": expires, "links": []}, HTTPStatus.CREATED)

    async def _resolve(self, request: Request) -> Response:
        """Say where a token leads; the token itself is the caller's right to know."""
        request.scope[LOGGED_PATH] = f"{self._root}/cloud/consoles/…"
        if request.method != "GET":
            # What only looks, such as HEAD, must not use it up.
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "405", "The resource does not allow this method")
        try:
            ticket = await self._tickets.redeem(request.path_params["token"])
        except Unavailable as error:
            raise _unavailable() from error
        if ticket is None or ticket.protocol != "vnc":
            raise ApiError(HTTPStatus.NOT_FOUND, "404", "No console has this token")
        return JSONResponse({"host": ticket.host, "port": ticket.port})

    async def _no_upgrade(self, request: Request) -> Response:
        """Answer whoever asks without WebSocket, or by a proxy that passes none on: AJP knows no upgrade."""
        request.scope[LOGGED_PATH] = f"{self._root}/cloud/consoles/…/tunnel"
        raise ApiError(
            HTTPStatus.UPGRADE_REQUIRED,
            "426",
            "This resource is a WebSocket: ask for it over HTTP/1.1, not through AJP",
            {"Upgrade": "websocket", "Connection": "Upgrade"},
        )


def _unavailable() -> ApiError:
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "503-CONSOLES", "Consoles are not available now")


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/json", TYPE):
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "415", f"Only {TYPE} is understood here")


def _ws(address: str) -> str:
    """Return the WebSocket's form of an HTTP address."""
    return "ws" + address.removeprefix("http")


def _novnc(request: Request, token: str) -> str:
    """Where the browser opens this console: noVNC's public address (row 35)."""
    where: Any = request.headers.get(_WHERE)
    if not where:
        # Nobody stands in front: its documented port at the name that the user came by.
        where = f"{request.url.hostname}:{_CONSOLE_PORT}"
    return f"wss://{where}/websockify?token={token}"
