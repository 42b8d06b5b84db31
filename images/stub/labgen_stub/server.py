"""Runs a node: HTTP/1.1 on 8009, AJP/1.3 on 8010 (every Tomcat of the platform has both), and its tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import uvicorn

from labgen_stub.app import compose
from labgen_stub.control import SOCKET, listening
from labgen_stub.node import Node
from labgen_stub.settings import AJP_PORT, HTTP_PORT, Settings, load
from labgen_stub.wire import websocket_server
from labgen_stub.wire.ajp_server import AjpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import FrameType

log = logging.getLogger(__name__)
# Together below the five seconds that a server has to end.
_GRACE, _LEAVE = 2, 2
#: Seconds that a connection may be idle. Whoever asks gives one up sooner (HAProxy after some 10 s, Apache
#: after 60, the platform's own servers after 5), so that no request meets its end: only what reads would be
#: asked for again.
_IDLE = 75


class _Server(uvicorn.Server):
    """Tells the web applications to end their streams as soon as the process is asked to end."""

    def __init__(self, config: uvicorn.Config, on_stop: Sequence[Callable[[], None]]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note that a signal came."""
        super().handle_exit(sig, frame)
        for tell in self._on_stop:
            tell()


async def run(
    settings: Settings,
    http_port: int = HTTP_PORT,
    ajp_port: int = AJP_PORT,
    *,
    reread: Callable[[], Settings] = load,
    control: Path = SOCKET,
) -> None:
    """Serve until a signal comes. Raises `SettingsError` before anything is started."""
    node = Node(settings)
    application, parts = compose(node)
    if node.broker is not None:
        for part in parts:
            for setup in part.setups:
                node.broker.on_connect(setup)
    ajp = AjpServer(application, ajp_port, settings.host_for("ajp"))
    config = uvicorn.Config(
        application,
        host=settings.host_for("http"),
        port=http_port,
        lifespan="off",
        ws=websocket_server.protocol,  # type: ignore[arg-type]  # made when the first one is asked for
        ws_max_size=websocket_server.LONGEST_MESSAGE,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=_IDLE,
        # The proxies are other nodes; what they forward is read where it is needed (web.links).
        proxy_headers=False,
    )
    server = _Server(config, [tell for part in parts for tell in part.on_stop])
    await ajp.start()
    work = [task for part in parts for task in part.tasks]
    if node.broker is not None:
        work.append(node.broker.run)
    running = [asyncio.ensure_future(start()) for start in work]
    for task in running:
        task.add_done_callback(_complain)
    log.info("serving", extra={"node": settings.node, "webapps": list(settings.webapps)})
    try:
        # uvicorn raises the signal again once it has ended; the work below still has to be ended then.
        with contextlib.suppress(KeyboardInterrupt):
            async with listening(control, lambda: node.take(reread())):
                await server.serve()
    finally:
        await ajp.stop(_GRACE)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_LEAVE)
        log.info("ended", extra={"node": settings.node})


def _complain(task: asyncio.Future[None]) -> None:
    """Report a task that ended by itself: that is a fault of ours and must not go unseen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task failed", exc_info=error)
