"""Server-Sent Events: a response that lasts as long as its listener."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send


class EventStream(StreamingResponse):
    """An event stream that ends as soon as the client is gone.

    Starlette's own class finds out only at its next write where the server claims ASGI 2.4, and a quiet
    stream may not write for long.
    """

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until one of the two sides ends it."""
        del scope
        streaming = asyncio.ensure_future(self.stream_response(send))
        gone = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({streaming, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (streaming, gone):
                task.cancel()
                # OSError: the client left while something was being written.
                with suppress(asyncio.CancelledError, OSError):
                    await task
