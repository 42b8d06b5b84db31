"""HTTP/1.1 and HTTPS, one request on one connection (h11 does the framing)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from labgen_stub.wire.stream import client_tls, connected
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Iterable, Mapping

_READ = 65536
# An answer is evidence, not a download.
_BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def line(self) -> str:
        """Status, type and the beginning of the body, for a table."""
        text = self.body[:60].decode("utf-8", "replace").strip().splitlines()
        kind = self.headers.get("content-type", "no content type")
        return f"{self.status} ({kind}) {text[0] if text else ''}".strip()


async def request(
    target: Target,
    path: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> Response:
    """Send one request and read the whole answer.

    Raises:
        OSError: from the transport.
        Garbled: the answer is not HTTP, is cut short, or is larger than 1 MiB.
    """
    given = {name.lower() for name, _ in headers}
    lines = [(name, value) for name, value in headers]
    if "host" not in given:
        lines.append(("Host", target.option("host", f"{target.host}:{target.port}")))
    if body:
        lines.append(("Content-Length", str(len(body))))
    lines.append(("Connection", "close"))
    http = h11.Connection(h11.CLIENT)
    async with connected(target, tls) as (reader, writer):
        try:
            writer.write(http.send(h11.Request(method=method, target=path, headers=lines)) or b"")
            if body:
                writer.write(http.send(h11.Data(data=body)) or b"")
            writer.write(http.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            return await _answer(http, reader)
        except h11.LocalProtocolError as error:
            raise Garbled(f"cannot ask for {path}: {error}") from error
        except h11.RemoteProtocolError as error:
            raise Garbled(f"no HTTP answer: {error}") from error


async def _answer(http: h11.Connection, reader: asyncio.StreamReader) -> Response:
    """Read events until the message ends."""
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _BODY_LIMIT:
                raise Garbled("the answer is larger than 1 MiB")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            break
    if head is None:
        raise Garbled("closed without an answer")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Response(head.status_code, headers, bytes(body))


async def speak(target: Target) -> str:
    """GET option `path` (default `/`); `https` verifies the server against secret `ca`.

    Any well-formed answer will do, unless option `status` demands one and no other.
    """
    path = target.option("path", "/")
    tls = client_tls(target) if target.protocol == "https" else None
    extra = target.options.get("headers", {})
    answer = await request(target, path, headers=list(extra.items()), tls=tls)
    wanted = target.options.get("status")
    if wanted is not None and answer.status != int(wanted):
        raise Garbled(f"GET {path}: {answer.line()}, expected {wanted}")
    return f"GET {path}: {answer.line()}"
