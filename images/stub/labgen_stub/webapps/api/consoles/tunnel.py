"""Guacamole's tunnel: a user's WebSocket on one side, guacd on the other (platform.md row 32).

Whole instructions pass, as they come. Nothing is kept for a slow side: what one does not take is not read
from the other. guacd ends a user of whom it hears nothing for 15 seconds, and says `nop` or `sync` itself
every few seconds; each side's silence ends the tunnel here too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from labgen_stub.links.errors import Unavailable
from labgen_stub.links.guacd import Console, Guacd, Refused
from labgen_stub.wire import Garbled
from labgen_stub.wire.guacamole import Instructions, elements, instruction, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.api.consoles.tickets import Ticket, Tickets

log = logging.getLogger(__name__)
SUBPROTOCOL = "guacamole"
MOST = 32  # tunnels of one node
SILENCE = 30.0  # seconds
_SIDES = (160, 4096)  # pixels of a screen's side
# An instruction without an opcode is between the client and its tunnel, never guacd's.
_INTERNAL = b"0."
# guacd's last word: it waits for its user to hang up then.
_DISCONNECT = instruction("disconnect")
# Codes of Guacamole's errors.
_SERVER_ERROR, _UPSTREAM_TIMEOUT, _UPSTREAM_UNAVAILABLE = 0x0200, 0x0202, 0x0208
_GOING_WELL, _TROUBLE = 1000, 1011  # RFC 6455, 7.4.1


class Tunnels:
    """The tunnels of one API node."""

    def __init__(self, tickets: Tickets, places: Callable[[], Sequence[Neighbour]], most: int = MOST) -> None:
        self._tickets, self._places, self._most = tickets, places, most
        self._open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one WebSocket from its token to its end."""
        if SUBPROTOCOL not in websocket.scope.get("subprotocols", ()):
            await _deny(websocket, HTTPStatus.BAD_REQUEST, f"The subprotocol must be {SUBPROTOCOL}")
        elif self._open >= self._most:
            await _deny(websocket, HTTPStatus.SERVICE_UNAVAILABLE, "Too many consoles are open here")
        else:
            self._open += 1
            try:
                await self._admit(websocket)
            finally:
                self._open -= 1

    async def _admit(self, websocket: WebSocket) -> None:
        try:
            ticket = await self._tickets.redeem(websocket.path_params["token"])
        except Unavailable:
            await _deny(websocket, HTTPStatus.SERVICE_UNAVAILABLE, "Consoles are not available now")
            return
        if ticket is None:
            await _deny(websocket, HTTPStatus.FORBIDDEN, "No console has this token")
            return
        await websocket.accept(SUBPROTOCOL)
        began, reason = time.monotonic(), ""
        try:
            reason = await self._connect(websocket, ticket)
        except (WebSocketDisconnect, OSError):
            reason = "the user is gone"
        log.info(
            "console closed",
            extra={
                "machine": ticket.label,
                "protocol": ticket.protocol,
                "seconds": round(time.monotonic() - began, 1),
                "reason": reason,
            },
        )

    async def _connect(self, websocket: WebSocket, ticket: Ticket) -> str:
        """Find a guacd that answers, and carry; return why it ended."""
        console = _console(websocket, ticket)
        trouble = "no guacd among the neighbours"
        for place in self._places():
            guacd = Guacd(place, console)
            try:
                await guacd.__aenter__()
            except Refused as refused:
                return await _fail(websocket, str(refused), refused.status)
            except (OSError, Garbled) as error:
                trouble = f"{place.node}: {str(error) or 'no answer in time'}"
                continue
            try:
                return await _Tunnel(websocket, guacd).carry()
            finally:
                await guacd.__aexit__(None, None, None)
        log.warning("no console", extra={"reason": trouble})
        return await _fail(websocket, "The remote access server does not answer", _UPSTREAM_UNAVAILABLE)


class _Tunnel:
    """One WebSocket and one session with guacd, until either ends."""

    def __init__(self, websocket: WebSocket, guacd: Guacd) -> None:
        self._websocket, self._guacd = websocket, guacd

    async def carry(self) -> str:
        """Carry instructions both ways; return why it ended."""
        await self._websocket.send_text(instruction("", self._guacd.id).decode())
        ways = [asyncio.ensure_future(way()) for way in (self._from_guacd, self._from_user)]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            # Both are looked at: the other one may have failed for the same reason.
            await asyncio.gather(*ways, return_exceptions=True)
        return done.pop().result()

    async def _from_guacd(self) -> str:
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    found = await self._guacd.read()
                if found:
                    await self._websocket.send_text(text(b"".join(found)))
                if not found or _DISCONNECT in found:
                    break
        except TimeoutError:
            return await _fail(self._websocket, "The remote access server fell silent", _UPSTREAM_TIMEOUT)
        except Garbled as error:
            log.warning("guacd speaks no Guacamole", extra={"reason": str(error)})
            return await _fail(self._websocket, "The remote access server is not understood", _SERVER_ERROR)
        await self._websocket.close(_GOING_WELL)
        return "the console ended"

    async def _from_user(self) -> str:
        instructions = Instructions()
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return "the user is gone"
                # What is no text is no instruction either.
                found = instructions.feed((message.get("text") or "-").encode())
                for one in found:
                    await self._internal(one)
                if passed := b"".join(one for one in found if not one.startswith(_INTERNAL)):
                    await self._guacd.write(passed)
        except TimeoutError:
            await self._websocket.close(_TROUBLE, "Nothing was heard of you for too long")
            return "the user fell silent"
        except (Garbled, UnicodeEncodeError) as error:
            await self._websocket.close(_TROUBLE, "What came is not Guacamole's protocol")
            return f"the user: {error}"

    async def _internal(self, one: bytes) -> None:
        """Answer what is meant for the tunnel: Guacamole's own client pings it."""
        if one.startswith(_INTERNAL) and elements(one)[1:2] == ["ping"]:
            await self._websocket.send_text(text(one))


def _console(websocket: WebSocket, ticket: Ticket) -> Console:
    """Return what guacd is to open. The screen's size comes with the address: `?width=…&height=…`."""
    low, high = _SIDES
    size = {}
    for name in ("width", "height"):
        given = websocket.query_params.get(name, "")
        if given.isascii() and given.isdigit() and len(given) < 6:  # noqa: PLR2004 - no larger screen
            size[name] = max(low, min(int(given), high))
    parameters = {
        "hostname": ticket.host,
        "port": str(ticket.port),
        "username": ticket.username,
        "password": ticket.password,
        # The machine's certificate is of the lab's authority, or its own: guacd knows neither.
        "ignore-cert": "true",
        "security": "any",
    }
    return Console(ticket.protocol, parameters, **size)


async def _deny(websocket: WebSocket, status: HTTPStatus, words: str) -> None:
    """Refuse before the upgrade."""
    await websocket.send_denial_response(PlainTextResponse(words + "\n", status))


async def _fail(websocket: WebSocket, words: str, status: int) -> str:
    """Tell the user in Guacamole's own words, and end; return what was told."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(instruction("error", words, str(status)).decode())
        await websocket.close(_TROUBLE, words[:100])
    return words
