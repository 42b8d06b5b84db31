"""An AJP/1.3 listener that drives an ASGI application, as Tomcat's second connector does (platform.md 1).

One connection serves one request at a time and is reused for the next. Every piece of a response is
followed by an empty chunk, which makes the web server flush: events reach the browser at once.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import unquote

from labgen_stub.wire import ajp_codec as ajp
from labgen_stub.wire.ajp_client import read_packet

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
log = logging.getLogger(__name__)


class AjpServer:
    """Listens, and ends its connections within a bound."""

    def __init__(self, app: App, port: int, host: str = "0.0.0.0") -> None:
        self._app, self._host, self._port = app, host, port
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    @property
    def port(self) -> int:
        """The port that is really listened on (of use when 0 was asked for)."""
        if self._server is None:
            raise RuntimeError("the server has not been started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self._port)

    def _connection(self) -> _Connection:
        connection = _Connection(self._app)
        connection.on_made = self._serve
        return connection

    def _serve(self, connection: _Connection) -> None:
        task = asyncio.get_running_loop().create_task(connection.serve())
        self._connections[task] = connection
        task.add_done_callback(lambda done: self._connections.pop(done, None))

    async def stop(self, grace: float) -> None:
        """Stop listening, close idle connections, give running requests `grace` seconds."""
        if self._server is None:
            return
        self._server.close()
        for task, connection in list(self._connections.items()):
            if connection.idle:
                task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=grace)
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=1)


class _Connection(asyncio.StreamReaderProtocol):
    """One connection from a web server; `gone` is set as soon as the web server hangs up."""

    def __init__(self, app: App) -> None:
        loop = asyncio.get_running_loop()
        self.input = asyncio.StreamReader(limit=4 * ajp.MAX_PACKET, loop=loop)
        super().__init__(self.input, loop=loop)
        self.app = app
        self.idle = True
        self.gone = asyncio.Event()
        self.on_made: Callable[[_Connection], None] = lambda _: None
        self.output: asyncio.StreamWriter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.output = asyncio.StreamWriter(
            cast("asyncio.Transport", transport), self, self.input, asyncio.get_running_loop()
        )
        self.on_made(self)

    def eof_received(self) -> bool | None:
        self.gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)

    async def serve(self) -> None:
        """Serve request after request until either side hangs up."""
        try:
            while await self._one_packet():
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except ajp.AjpError as error:
            log.warning("AJP: %s", error)
        finally:
            self.output.close()

    async def _one_packet(self) -> bool:
        self.idle = True
        payload = await read_packet(self.input, ajp.TO_CONTAINER)
        self.idle = False
        kind = payload[0] if payload else 0
        if kind == ajp.CPING:
            self.output.write(ajp.CPONG_PACKET)
            await self.output.drain()
            return True
        if kind == ajp.FORWARD_REQUEST:
            exchange = _Exchange(self, ajp.decode_forward_request(payload))
            return await exchange.run()
        # SHUTDOWN and PING ask for things that a proxy has no right to.
        raise ajp.AjpError(f"packet of type {kind} is not served")


class _Exchange:
    """One request and its response."""

    def __init__(self, connection: _Connection, request: ajp.ForwardRequest) -> None:
        self._connection, self._request = connection, request
        length = request.header("content-length")
        chunked = "chunked" in (request.header("transfer-encoding") or "").lower()
        self._left = int(length) if length and length.isdigit() else None
        # With a length the web server sends the first piece unasked; a chunked body it keeps until asked.
        self._unasked = bool(self._left)
        self._body_done = not (self._unasked or chunked)
        self._given = self._started = self._ended = False

    async def run(self) -> bool:
        """Call the application; True when the connection can serve another request."""
        try:
            await self._connection.app(self._scope(), self._receive, self._send)
        except (ConnectionError, asyncio.IncompleteReadError):
            return False
        except Exception:
            log.exception("the application failed on %s %s", self._request.method, self._request.uri)
            if self._started:
                return False
            await self._send({"type": "http.response.start", "status": 500, "headers": []})
            await self._send({"type": "http.response.body", "body": b""})
        return self._ended

    def _scope(self) -> Message:
        request = self._request
        path, _, query = request.uri.partition("?")
        query = request.attributes.get("query_string", query)
        remote_port = request.attributes.get("AJP_REMOTE_PORT", "")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.protocol.partition("/")[2] or "1.1",
            "method": request.method,
            "scheme": "https" if request.is_ssl else "http",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in request.headers],
            "client": (request.remote_address, int(remote_port) if remote_port.isdigit() else 0),
            "server": (request.server_name, request.server_port),
            "state": {},
        }

    async def _receive(self) -> Message:
        if self._body_done and self._given:
            await self._connection.gone.wait()
            return {"type": "http.disconnect"}
        # A request without a body is told too, once, with an empty one.
        self._given = True
        data = b"" if self._body_done else await self._body_piece()
        return {"type": "http.request", "body": data, "more_body": not self._body_done}

    async def _body_piece(self) -> bytes:
        if not self._unasked:
            self._connection.output.write(ajp.encode_get_body())
            await self._connection.output.drain()
        self._unasked = False
        data = ajp.Reader(await read_packet(self._connection.input, ajp.TO_CONTAINER)).blob()
        if self._left is not None:
            self._left -= len(data)
        self._body_done = not data or (self._left is not None and self._left <= 0)
        return data

    async def _send(self, message: Message) -> None:
        if self._connection.gone.is_set():
            raise ConnectionResetError("the web server hung up")
        output = self._connection.output
        if message["type"] == "http.response.start":
            self._started = True
            output.write(_head(message))
        elif message["type"] == "http.response.body" and not self._ended:
            body = b"" if self._request.method == "HEAD" else message.get("body", b"")
            for at in range(0, len(body), ajp.MAX_CHUNK):
                output.write(ajp.encode_body_chunk(body[at : at + ajp.MAX_CHUNK]))
            if message.get("more_body", False):
                output.write(ajp.encode_body_chunk(b""))
            else:
                await self._end()
        await output.drain()

    async def _end(self) -> None:
        """End the response, after taking off the wire what the web server sent unasked."""
        if self._unasked:
            with suppress(ajp.AjpError):
                await self._body_piece()
        self._ended = True
        self._connection.output.write(ajp.encode_end(reuse=True))


def _head(message: Message) -> bytes:
    status = int(message["status"])
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in message.get("headers", [])]
    return ajp.encode_headers(status, phrase, headers)
