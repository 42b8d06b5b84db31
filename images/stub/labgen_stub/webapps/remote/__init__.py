"""The remote services: consumers of their datacenter's request queues (platform.md 2.5).

Exchange, queue and routing key of each are data; what a request makes a service do comes with the
platform's work. A request that nobody understands is kept in a dead-letter queue, never lost.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub.node import Node, WebApp

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

    from labgen_stub.links.broker import OpenChannel

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RequestQueue:
    """Where a service gets its requests; the routing key is the queue's name (R2)."""

    exchange: str
    kind: str
    queue: str
    prefetch: int = 50


_REQUESTS = {
    "virtualfactory": RequestQueue(
        "abiquo.datacenter.requests", "topic", "abiquo.datacenter.requests.{dc}.virtualfactory"
    ),
    "bpm-async": RequestQueue("abiquo.datacenter.requests", "topic", "abiquo.datacenter.requests.{dc}.bpm"),
    "nars": RequestQueue("abiquo.nars", "direct", "abiquo.nars.requests.{dc}"),
    "xas": RequestQueue("abiquo.xas", "direct", "abiquo.xas.requests.{dc}"),
}


def build(context: str, node: Node) -> WebApp:
    """Build a remote service; those without requests of their own (vsm, am, cpp) have no queue."""
    webapp = WebApp([])
    if context in _REQUESTS:
        consumer = Consumer(_REQUESTS[context], node.settings.datacenter_id)
        webapp.setups.append(consumer.setup)
    return webapp


class Consumer:
    """Takes requests from one queue."""

    def __init__(self, requests: RequestQueue, datacenter_id: str) -> None:
        self._requests = requests
        self.queue = requests.queue.format(dc=datacenter_id)
        # A queue beside it rather than arguments on it: the platform's own servers declare it without.
        self.dead_letters = f"{self.queue}.dead"

    async def setup(self, open_channel: OpenChannel) -> None:
        """Declare, bind and consume on a new connection."""
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        channel = await open_channel()
        await channel.set_qos(prefetch_count=self._requests.prefetch)
        exchange = await channel.declare_exchange(
            self._requests.exchange, aio_pika.ExchangeType(self._requests.kind), durable=True
        )
        queue = await channel.declare_queue(self.queue, durable=True)
        await queue.bind(exchange, self.queue)
        await channel.declare_queue(self.dead_letters, durable=True)

        async def take(message: AbstractIncomingMessage) -> None:
            await self._bury(channel, message)

        await queue.consume(take)

    async def _bury(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        """Move a request to the dead letters; acknowledged only when the broker has it there."""
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        try:
            await channel.default_exchange.publish(
                aio_pika.Message(
                    message.body,
                    headers={**message.headers, "x-labgen-reason": "unknown request"},
                    content_type=message.content_type,
                    message_id=message.message_id,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                ),
                self.dead_letters,
            )
        except Exception:
            await message.nack(requeue=True)
            raise
        await message.ack()
        log.warning("unknown request buried", extra={"queue": self.queue, "bytes": len(message.body)})
