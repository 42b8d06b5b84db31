"""A line in the log for every request, once it is over."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("access")
# Where a scope has what its path is called in the log, when the path itself is a secret.
LOGGED_PATH = "labgen.logged_path"


class AccessLog:
    """ASGI middleware. A `/check` that is well is not worth a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if not scope["path"].endswith("/check"):
                client = scope.get("client")
                log.info(
                    "%s %s",
                    scope["method"],
                    scope.get(LOGGED_PATH, scope["path"]),
                    extra={
                        "status": status,
                        "ms": round((time.perf_counter() - start) * 1000, 1),
                        "client": client[0] if client else "",
                    },
                )
