"""How connections are made: once, unless a server has room for few who wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from labgen_stub.wire import Target
from labgen_stub.wire.stream import connected
from labgen_stub.wire.vnc import speak

pytestmark = pytest.mark.anyio


class Network:
    """Stands in for the transport: the first so many attempts are never answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
        self.silent, self.attempts = silent, 0
        self._open = asyncio.open_connection
        monkeypatch.setattr("labgen_stub.wire.stream.asyncio.open_connection", self.open)

    async def open(self, *where: Any, **how: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.attempts += 1
        if self.attempts <= self.silent:
            await asyncio.Event().wait()
        return await self._open(*where, **how)


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a VNC server that asks for no password."""
    writer.write(b"RFB 003.008\n" + b"\1\1")
    await writer.drain()
    writer.close()


async def test_a_screen_that_has_no_room_for_one_more_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labgen_stub.wire.vnc._AGAIN", 0.01)
    network = Network(monkeypatch, silent=3)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, asyncio.timeout(5):
        port = server.sockets[0].getsockname()[1]
        assert await speak(Target("vnc", "127.0.0.1", port)) == "RFB 003.008, security types 1"
    assert network.attempts == 4


async def test_others_are_asked_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, silent=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), connected(Target("redis", "127.0.0.1", 1)):
            pytest.fail("nobody answers")
    assert network.attempts == 1
