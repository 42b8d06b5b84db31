"""M: who may listen, and what a listener hears."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.web.streams import EventStream
from labgen_stub.webapps import m
from labgen_stub.wire.http import Response as HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Neighbour, Settings
    from labgen_stub.wire import Target

pytestmark = pytest.mark.anyio


async def test_every_subscriber_hears_every_event_as_server_sent_events() -> None:
    hub = m.Hub()
    streams = [hub.stream("hello") for _ in range(2)]
    for stream in streams:
        assert await anext(stream) == b": hello\n\n"
    hub.publish(b'{"action": "LOGIN"}')
    hub.publish(b"two\nlines")
    for stream in streams:
        assert await anext(stream) == b'data: {"action": "LOGIN"}\n\n'
        assert await anext(stream) == b"data: two\ndata: lines\n\n"
    hub.close()
    for stream in streams:
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert len(hub) == 0


async def test_a_quiet_stream_is_kept_alive() -> None:
    hub = m.Hub()
    stream = hub.stream("hello", keep_alive=0.01)
    assert [await anext(stream) for _ in range(2)][1] == b": keep-alive\n\n"
    await stream.aclose()  # type: ignore[attr-defined]
    assert len(hub) == 0


async def test_a_subscriber_that_lags_is_ended() -> None:
    hub = m.Hub()
    stream = hub.stream("hello")
    await anext(stream)
    for number in range(300):
        hub.publish(str(number).encode())
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert len(hub) == 0


async def test_a_stream_ends_with_its_client() -> None:
    left, begun = asyncio.Event(), asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(60)
        finally:
            left.set()

    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if "body" in message:
            begun.set()

    await asyncio.wait_for(EventStream(events())({"type": "http"}, receive, send), 2)
    assert sent[1]["body"] == b"first"


@pytest.mark.parametrize(("status", "answer"), [(200, 200), (401, 401), (403, 401), (500, 503), (0, 503)])
async def test_the_api_decides_who_may_listen(
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    neighbour: Callable[..., Neighbour],
    client_of: Callable[..., httpx.AsyncClient],
    status: int,
    answer: int,
) -> None:
    asked: list[tuple[str, str]] = []

    async def request(_: object, path: str, *, headers: list[tuple[str, str]], **__: object) -> HttpResponse:
        asked.append((path, dict(headers)["Authorization"]))
        if not status:
            raise ConnectionRefusedError
        return HttpResponse(status, {}, b"")

    monkeypatch.setattr(m, "http_request", request)
    monkeypatch.setattr(m.Hub, "stream", lambda *_: _one_event())
    application, _ = compose(Node(settings("m", neighbours=(neighbour("api", "http", 8009),))))
    async with client_of(application) as client:
        assert (await client.get("/m/stream")).status_code == 401
        assert asked == [], "without a name there is nobody to ask about"
        got = await client.get("/m/stream", headers={"Authorization": "Token t"})
    assert got.status_code == answer
    assert asked == [("/api/login", "Token t")]
    if answer == 200:
        assert got.headers["content-type"].startswith("text/event-stream")
        assert got.text == "data: x\n\n"


@pytest.mark.parametrize(("role", "protocol"), [("frontend", "https"), ("frontend", "http"), ("api", "http")])
async def test_the_api_is_asked_wherever_the_documents_have_it(
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    neighbour: Callable[..., Neighbour],
    client_of: Callable[..., httpx.AsyncClient],
    role: str,
    protocol: str,
) -> None:
    """Row 15 in its three forms; TLS only where the documents have it."""
    asked: list[tuple[str, str, int, bool]] = []

    async def request(target: Target, path: str, *, tls: object, **_: object) -> HttpResponse:
        del path
        asked.append((target.protocol, target.host, target.port, tls is not None))
        return HttpResponse(200, {}, b"")

    monkeypatch.setattr(m, "http_request", request)
    monkeypatch.setattr(m, "client_tls", lambda _: "context")
    monkeypatch.setattr(m.Hub, "stream", lambda *_: _one_event())
    application, _ = compose(Node(settings("m", neighbours=(neighbour(role, protocol, 4711),))))
    async with client_of(application) as client:
        got = await client.get("/m/stream", headers={"Authorization": "Token t"})
    assert got.status_code == 200
    assert asked == [(protocol, f"{role}-1", 4711, protocol == "https")]


async def _one_event() -> AsyncIterator[bytes]:
    yield b"data: x\n\n"
