"""M, the outbound API: events from RabbitMQ to subscribers as Server-Sent Events (platform.md 2.4, 2.5)."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.routing import Route

from labgen_stub.node import PATIENCE, Node, WebApp
from labgen_stub.roles import api_targets
from labgen_stub.web.errors import ApiError, unauthenticated
from labgen_stub.web.streams import EventStream
from labgen_stub.wire import Garbled, Misuse
from labgen_stub.wire.http import request as http_request
from labgen_stub.wire.stream import client_tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aio_pika.abc import AbstractIncomingMessage
    from starlette.requests import Request
    from starlette.responses import Response

    from labgen_stub.links.broker import OpenChannel

log = logging.getLogger(__name__)
EXCHANGE = "abiquo.tracer.fanout"
KEEP_ALIVE = 15.0
_BACKLOG = 256


class Hub:
    """Hands every event to every subscriber."""

    def __init__(self) -> None:
        self._subscribers: set[asyncio.Queue[bytes | None]] = set()

    def __len__(self) -> int:
        return len(self._subscribers)

    def publish(self, event: bytes) -> None:
        """Hand an event over. A subscriber that lags far behind is ended, to come back if it will."""
        for queue in list(self._subscribers):
            if queue.qsize() >= _BACKLOG:
                self._end(queue)
            else:
                queue.put_nowait(event)

    def close(self) -> None:
        """End every subscription."""
        for queue in list(self._subscribers):
            self._end(queue)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._subscribers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def stream(self, greeting: str, keep_alive: float = KEEP_ALIVE) -> AsyncIterator[bytes]:
        """Yield an event stream: the events from now on, and a comment when it has been quiet."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._subscribers.add(queue)
        try:
            yield f": {greeting}\n\n".encode()
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), keep_alive)
                except TimeoutError:
                    yield b": keep-alive\n\n"
                    continue
                if event is None:
                    return
                lines = event.splitlines() or [b""]
                yield b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
        finally:
            self._subscribers.discard(queue)


class Authorizer:
    """Asks the API whether a subscriber may see events, with the subscriber's own `Authorization`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def check(self, authorization: str | None) -> None:
        """Return when the API says yes.

        Raises:
            ApiError: 401 when it says no, 503 when it cannot be asked.
        """
        if not authorization:
            raise unauthenticated()
        reason = "no API among the neighbours"
        for target in api_targets(self._node.settings):
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await http_request(
                        target,
                        "/api/login",
                        headers=[("Authorization", authorization), ("Accept", "*/*")],
                        tls=client_tls(target) if target.protocol == "https" else None,
                    )
            except (OSError, Garbled, Misuse) as error:
                reason = f"{target.host}: {str(error) or 'no answer in time'}"
                continue
            if answer.status == HTTPStatus.OK:
                return
            if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise unauthenticated()
            reason = f"{target.host} answers {answer.status}"
        log.warning("cannot check a subscriber", extra={"reason": reason})
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "M-AUTH", "The API cannot be asked who you are")


def build(context: str, node: Node) -> WebApp:
    """`/m/stream`, and one queue on the fanout exchange that is this instance's own."""
    hub, authorizer = Hub(), Authorizer(node)
    # abiquo.m.instanceid, unique per instance (platform.md 2.4).
    instance_id = node.settings.node

    async def stream(request: Request) -> Response:
        await authorizer.check(request.headers.get("authorization"))
        return EventStream(hub.stream(f"stream of {instance_id}"))

    async def setup(open_channel: OpenChannel) -> None:
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        channel = await open_channel()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=True)
        # Flags as in R2: not durable, not exclusive, not deleted with its consumer.
        queue = await channel.declare_queue(f"{EXCHANGE}.traces.{instance_id}", durable=False)
        await queue.bind(exchange)

        async def take(message: AbstractIncomingMessage) -> None:
            hub.publish(message.body)
            await message.ack()

        await queue.consume(take)

    return WebApp([Route(f"/{context}/stream", stream)], setups=[setup], on_stop=[hub.close])
