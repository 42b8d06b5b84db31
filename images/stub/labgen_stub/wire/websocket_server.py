"""WebSockets for uvicorn, by wsproto: loaded when the first one is asked for, and bounded."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

# A message of a console's user is a key or a movement.
LONGEST_MESSAGE = 65536
_TOO_BIG = 1009  # RFC 6455, 7.4.1


def protocol(**options: Any) -> asyncio.Protocol:
    """Make uvicorn's protocol for one connection; what uvicorn's `Config.ws` takes instead of a class."""
    made: asyncio.Protocol = _bounded()(**options)
    return made


@cache
def _bounded() -> type[Any]:
    """Return uvicorn's class with what only newer versions have: a bound, and an end for waiting writers."""
    base = import_module("uvicorn.protocols.websockets.wsproto_impl").WSProtocol
    wsproto = import_module("wsproto")

    class Bounded(base):  # type: ignore[misc,valid-type]  # known at run time only
        _over = False

        def handle_text(self, event: Any) -> None:
            if self._fits(self.text, event):
                super().handle_text(event)

        def handle_bytes(self, event: Any) -> None:
            if self._fits(self.bytes, event):
                super().handle_bytes(event)

        def _fits(self, kept: Any, event: Any) -> bool:
            """Refuse a message that never ends: it would be kept in memory."""
            if self._over:
                return False
            if len(kept) + len(event.data) <= LONGEST_MESSAGE:
                return True
            self._over = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": _TOO_BIG})
            self.transport.write(self.conn.send(wsproto.events.CloseConnection(code=_TOO_BIG)))
            self.transport.close()
            return False

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            # Whoever waits to write would wait for ever: nobody resumes a connection that is gone.
            self.writable.set()

    return Bounded
