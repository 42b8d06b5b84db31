"""The console: RFB in a WebSocket, spoken with a server of the test's own on the loopback."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve

from labgen.smoke.console import Frame, first_frame
from labgen.smoke.model import StepFailed

pytestmark = pytest.mark.anyio
WIDTH, HEIGHT = 4, 2


@asynccontextmanager
async def console(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, subprotocols=["binary"]) as server:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/websockify"


async def greet(socket: ServerConnection) -> None:
    await socket.send(b"RFB 003.008\n")
    assert await socket.recv() == b"RFB 003.008\n"
    # Messages of a WebSocket need not be those of RFB.
    await socket.send(b"\x01")
    await socket.send(b"\x01")
    assert await socket.recv() == b"\x01"
    await socket.send(bytes(4))
    assert await socket.recv() == b"\x01"
    await socket.send(struct.pack(">HH16xI", WIDTH, HEIGHT, 2) + b"vm")
    assert len(await socket.recv()) == 20
    assert await socket.recv() == struct.pack(">BxHi", 2, 1, 0)


def update(*pixels: bytes) -> bytes:
    head = struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0)
    return head + b"".join((pixels * WIDTH * HEIGHT)[: WIDTH * HEIGHT])


async def test_the_first_screen_that_is_not_blank() -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        await socket.recv()
        await socket.send(struct.pack(">BxxxI", 3, 5) + b"hello")
        await socket.send(update(bytes(4)))
        await socket.recv()
        await socket.send(update(bytes(4), b"\xff\xff\xff\0"))
        await socket.wait_closed()

    async with console(talk) as url:
        assert await first_frame(url, None, 10) == Frame("vm", WIDTH, HEIGHT, 2)


async def test_a_blank_screen_is_shown_as_it_is() -> None:
    async def talk(socket: ServerConnection) -> None:
        await greet(socket)
        async for _ in socket:
            await socket.send(update(bytes(4)))

    async with console(talk) as url:
        assert (await first_frame(url, None, 0.3)).colours == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([b"SSH-2.0-x\r\n\0"], r"the console greets with b'SSH-2.0-x.*', which is not RFB"),
        ([b"RFB 003.008\n", b"\x01\x02"], r"offers no open access but security types \[2\]"),
        ([], r"the console showed nothing within 0.3 s"),
    ],
)
async def test_a_console_that_is_none(said: list[bytes], message: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        for one in said:
            await socket.send(one)
        await socket.wait_closed()

    async with console(talk) as url:
        with pytest.raises(StepFailed, match=message):
            await first_frame(url, None, 0.3)


async def test_a_token_that_is_refused() -> None:
    async def talk(_: ServerConnection) -> None:
        pytest.fail("it must not get so far")

    async with serve(
        talk, "127.0.0.1", 0, process_request=lambda one, _: one.respond(HTTPStatus.FORBIDDEN, "no")
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(StepFailed, match="the console's server answers 403"):
            await first_frame(f"ws://127.0.0.1:{port}/", None, 5)
