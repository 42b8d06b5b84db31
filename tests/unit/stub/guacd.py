"""A guacd of the tests: does the handshake, then what a test tells it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from labgen_stub.wire.guacamole import Instructions, elements, instruction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ARGS = ("VERSION_1_3_0", "hostname", "port", "password", "colour")


class Session:
    """One connection as guacd sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._instructions, self._waiting = Instructions(), list[bytes]()

    async def next(self) -> list[str]:
        """Return the next instruction; an empty list when the client has hung up."""
        while not self._waiting:
            data = await self._reader.read(65536)
            if not data:
                return []
            self._waiting = self._instructions.feed(data)
        return elements(self._waiting.pop(0))

    async def say(self, *told: str) -> None:
        self.writer.write(instruction(*told))
        await self.writer.drain()


class FakeGuacd:
    """Listens; `behaviour` is what happens after the handshake."""

    def __init__(self, behaviour: Callable[[Session], Awaitable[None]], args: tuple[str, ...] = ARGS) -> None:
        self._behaviour, self._args = behaviour, args
        self.handshake: list[list[str]] = []
        self.over = asyncio.Event()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[FakeGuacd]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        try:
            self.handshake = [await session.next()]
            await session.say("args", *self._args)
            while self.handshake[-1][:1] not in ([], ["connect"]):
                self.handshake.append(await session.next())
            await self._behaviour(session)
        finally:
            writer.close()
            self.over.set()


async def echo(session: Session) -> None:
    """Say `ready`, then return whatever comes, until the client goes."""
    await session.say("ready", "$here")
    while (heard := await session.next()) and heard[0] != "disconnect":
        await session.say(*heard)
