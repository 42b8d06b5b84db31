"""Lets the node's files be read again while it serves: `labgen up` asks for it after the lab has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from labgen_stub.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

log = logging.getLogger(__name__)
SOCKET = Path("/run/labgen/control.sock")


@contextlib.asynccontextmanager
async def listening(path: Path, reread: Callable[[], None]) -> AsyncIterator[None]:
    """Answer every connection to `path` with one line: nothing when `reread` was done, else why not."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reread()
            reason = ""
        except SettingsError as error:
            reason = str(error)
            log.warning("the files are not taken over", extra={"reason": reason})
        writer.write(f"{reason}\n".encode())
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, str(path))
    try:
        yield
    finally:
        server.close()
