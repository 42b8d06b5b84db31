"""The AJP listener, spoken to as a web server speaks."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from labgen_stub.wire import ajp_codec as ajp
from labgen_stub.wire.ajp_client import read_packet, speak
from labgen_stub.wire.ajp_server import AjpServer, App, Message
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


class Echo:
    """Answers with the request's body; `/stream` streams until the client is gone."""

    def __init__(self) -> None:
        self.scopes: list[Message] = []
        self.gone = asyncio.Event()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.scopes.append(scope)
        if scope["path"] == "/fail":
            raise ValueError("on purpose")
        body = b"unread"
        if scope["path"] != "/ignore":
            body = b""
            more = scope["path"] != "/stream"
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"t/t")]})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[AjpServer]:
    server = AjpServer(app, 0, "127.0.0.1")
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0.5)


class WebServer:
    """Just enough of mod_proxy_ajp."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, *, chunked: bool = False
    ) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection can be reused."""
        headers: tuple[tuple[str, str], ...] = (("host", "h"),)
        if chunked:
            headers += (("transfer-encoding", "chunked"),)
        elif body is not None:
            headers += (("content-length", str(len(body))),)
        self.writer.write(ajp.encode_forward_request(ajp.ForwardRequest(method, path, headers=headers)))
        rest = body or b""
        if rest and not chunked:
            rest = self.give(rest, 5000)
        status, answer = 0, b""
        while True:
            payload = await read_packet(self.reader, ajp.TO_SERVER)
            if payload[0] == ajp.SEND_HEADERS:
                status, _ = ajp.decode_headers(payload)
            elif payload[0] == ajp.SEND_BODY_CHUNK:
                (size,) = struct.unpack(">H", payload[1:3])
                answer += payload[3 : 3 + size]
            elif payload[0] == ajp.GET_BODY_CHUNK:
                rest = self.give(rest, int.from_bytes(payload[1:3], "big"))
            else:
                assert payload[0] == ajp.END_RESPONSE
                return status, answer, bool(payload[1])

    def give(self, rest: bytes, size: int) -> bytes:
        piece = rest[:size]
        blob = struct.pack(">H", len(piece)) + piece if piece else b""
        self.writer.write(ajp.TO_CONTAINER + struct.pack(">H", len(blob)) + blob)
        return rest[size:]


@asynccontextmanager
async def web_server(server: AjpServer) -> AsyncIterator[WebServer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield WebServer(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_one_connection_serves_many_requests() -> None:
    async with serving(Echo()) as server, web_server(server) as web:
        assert await web.ask("/a") == (200, b"", True)
        assert await web.ask("/a", "POST", b"x" * 20000) == (200, b"x" * 20000, True)
        web.writer.write(ajp.CPING_PACKET)
        assert await read_packet(web.reader, ajp.TO_SERVER) == bytes((ajp.CPONG,))
        assert await web.ask("/a", "PUT", b"y" * 9000, chunked=True) == (200, b"y" * 9000, True)
        assert await web.ask("/a", "POST", b"") == (200, b"", True)
        assert await web.ask("/a", "HEAD") == (200, b"", True)


async def test_a_body_that_nobody_reads_does_not_stay_on_the_wire() -> None:
    async with serving(Echo()) as server, web_server(server) as web:
        assert await web.ask("/ignore", "POST", b"z" * 20000) == (200, b"unread", True)
        assert await web.ask("/a", "POST", b"next") == (200, b"next", True)


async def test_scope() -> None:
    app = Echo()
    async with serving(app) as server, web_server(server) as web:
        request = ajp.ForwardRequest(
            "GET",
            "/a%20b",
            remote_address="10.0.0.9",
            server_name="front",
            server_port=443,
            is_ssl=True,
            attributes={"query_string": "q=1", "AJP_REMOTE_PORT": "4711"},
        )
        web.writer.write(ajp.encode_forward_request(request))
        await read_packet(web.reader, ajp.TO_SERVER)
    scope = app.scopes[0]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"q=1")
    assert (scope["scheme"], scope["client"], scope["server"]) == (
        "https",
        ("10.0.0.9", 4711),
        ("front", 443),
    )


async def test_a_stream_is_flushed_and_ends_with_its_listener() -> None:
    app = Echo()
    async with serving(app) as server:
        async with web_server(server) as web:
            web.writer.write(ajp.encode_forward_request(ajp.ForwardRequest("GET", "/stream")))
            kinds = [await read_packet(web.reader, ajp.TO_SERVER) for _ in range(3)]
            assert kinds[1][3:8] == b"first"
            assert kinds[2] == ajp.encode_body_chunk(b"")[4:], "the empty chunk is the request to flush"
        await asyncio.wait_for(app.gone.wait(), 2)


async def test_a_failing_application_is_a_500() -> None:
    async with serving(Echo()) as server, web_server(server) as web:
        assert await web.ask("/fail") == (500, b"", True)


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("1234 0001 07"), bytes.fromhex("1234 0002 02ff")]
)
async def test_noise_ends_the_connection(noise: bytes) -> None:
    async with serving(Echo()) as server, web_server(server) as web:
        web.writer.write(noise)
        assert await asyncio.wait_for(web.reader.read(), 2) == b""


async def test_stop_does_not_wait_for_idle_connections() -> None:
    server = AjpServer(Echo(), 0, "127.0.0.1")
    await server.start()
    async with web_server(server) as web:
        await web.ask("/a")
        await asyncio.wait_for(server.stop(5), 1)


async def test_client_adapter() -> None:
    async with serving(Echo()) as server:
        target = Target("ajp", "127.0.0.1", server.port, {"path": "/a", "status": 200})
        assert await speak(target) == "CPing answered by CPong; GET /a: 200, 0 bytes"
        with pytest.raises(Garbled, match="expected 404"):
            await speak(Target("ajp", "127.0.0.1", server.port, {"path": "/a", "status": 404}))
