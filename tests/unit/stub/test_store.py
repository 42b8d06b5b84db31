"""The connections to Redis: one that was reset while nobody used it is not written to."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from labgen_stub.links.redis_connection import RedisConnection
from labgen_stub.links.store import Store
from labgen_stub.settings import Neighbour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


class Redis:
    """Says OK to every command, until it resets all its connections."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2].decode())
            self.commands.append([words[0].upper(), *words[1:]])
            writer.write(b"+OK\r\n")
        writer.close()

    def reset(self) -> None:
        """End all connections as who knows nothing of them does: by a reset."""
        for writer in self.writers:
            end: socket.socket = writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Redis, int]]:
    redis = Redis()
    server = await asyncio.start_server(redis.serve, "127.0.0.1", 0)
    async with server:
        yield redis, server.sockets[0].getsockname()[1]


async def test_a_connection_that_was_reset_is_none() -> None:
    async with running() as (redis, port):
        connection = RedisConnection(host="127.0.0.1", port=port)
        seen = [connection.is_connected]
        await connection.connect()  # type: ignore[no-untyped-call]
        seen.append(connection.is_connected)
        redis.reset()
        async with asyncio.timeout(5):
            while connection.is_connected:  # noqa: ASYNC110 - the kernel tells nobody when it has told all
                await asyncio.sleep(0.01)
        await connection.connect()  # type: ignore[no-untyped-call]
        seen.append(connection.is_connected)
        await connection.disconnect()
    assert seen == [False, True, True]
    assert len(redis.writers) == 2


async def test_a_command_goes_to_a_new_one() -> None:
    async with running() as (redis, port):
        store = Store([Neighbour("13", "redis", "127.0.0.1", "redis", port)])
        assert await store.do("set", "key", "1")
        redis.reset()
        assert await store.do("set", "key", "2")
        client = store._client()
        assert client.connection_pool.connection_class is RedisConnection
        await client.aclose()
    said = [words for words in redis.commands if words[0] == "SET"]
    assert said == [["SET", "key", "1"], ["SET", "key", "2"]], "each of them once"
    assert len(redis.writers) == 2
