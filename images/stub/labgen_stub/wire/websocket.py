"""The WebSocket upgrade (RFC 6455, 4.1), over TCP or TLS."""

from __future__ import annotations

import base64
import hashlib
import os
from http import HTTPStatus

import h11

from labgen_stub.wire.stream import client_tls, connected
from labgen_stub.wire.target import Garbled, Target

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# A console proxy refuses a caller without a valid token with one of these; a web server that knows
# no WebSocket answers 404, 405 or 5xx, which must not pass for one.
_REFUSALS = frozenset({400, 401, 403})


def accept_key(key: str) -> bytes:
    """Return what the server must send in `Sec-WebSocket-Accept` for a key."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())


async def speak(target: Target) -> str:
    """Ask for an upgrade at option `path` (default `/websockify`), subprotocol `binary`.

    A 101 with the right key is the proof. A well-formed refusal of the caller (400, 401, 403) proves
    the protocol too, since a token may be needed that only the API gives out; it does not when option
    `status` is 101. With option `anything` every HTTP answer will do: nobody is there to be led to.
    """
    path = target.option("path", "/websockify")
    key = base64.b64encode(os.urandom(16)).decode()
    question = h11.Request(
        method="GET",
        target=path,
        headers=[
            ("Host", target.option("host", f"{target.host}:{target.port}")),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Protocol", target.option("subprotocol", "binary")),
        ],
    )
    tls = client_tls(target) if target.protocol == "wss" else None
    http = h11.Connection(h11.CLIENT)
    async with connected(target, tls) as (reader, writer):
        writer.write((http.send(question) or b"") + (http.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        try:
            while (event := http.next_event()) is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
        except h11.RemoteProtocolError as error:
            raise Garbled(f"no HTTP answer to the upgrade: {error}") from error
    if isinstance(event, h11.InformationalResponse) and event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        answer = dict(event.headers)
        if answer.get(b"sec-websocket-accept") != accept_key(key):
            raise Garbled("101 with a wrong Sec-WebSocket-Accept")
        return f"upgrade at {path}: 101"
    insists = target.options.get("status") == HTTPStatus.SWITCHING_PROTOCOLS
    well_refused = isinstance(event, h11.Response) and event.status_code in _REFUSALS and not insists
    if isinstance(event, h11.Response) and (well_refused or target.options.get("anything")):
        return f"upgrade at {path} refused: {event.status_code} {event.reason.decode('latin-1')}"
    status = getattr(event, "status_code", "no answer")
    raise Garbled(f"upgrade at {path} is answered by {status}")
