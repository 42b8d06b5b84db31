"""Servers to speak to, on this machine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Callable[..., object]:
    """A server that says `greeting`, then answers each read that is not empty with the next answer."""

    @asynccontextmanager
    async def make(*answers: bytes, greeting: bytes = b"", close: bool = False) -> AsyncIterator[int]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(greeting)
            try:
                for answer in answers:
                    if not await reader.read(65536):
                        break
                    writer.write(answer)
                    await writer.drain()
                if not close:
                    await reader.read()
            except ConnectionError:
                pass
            finally:
                writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()

    return make
