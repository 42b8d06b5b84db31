"""Exchanges and queues of the platform, declared as its own servers declare them (platform.md 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aio_pika import Message
    from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

    from labgen_stub.links.broker import OpenChannel, Setup
    from labgen_stub.messages import Place


async def declare(channel: AbstractChannel, place: Place) -> tuple[AbstractExchange, AbstractQueue]:
    """Declare a place, durable, with its queue bound to it by the queue's name."""
    import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

    exchange = await channel.declare_exchange(place.exchange, aio_pika.ExchangeType(place.kind), durable=True)
    queue = await channel.declare_queue(place.queue, durable=True)
    await queue.bind(exchange, place.queue)
    return exchange, queue


def declared(place: Place) -> Setup:
    """Return a setup for who only publishes: what is sent is kept, even if its reader was never there."""

    async def setup(open_channel: OpenChannel) -> None:
        channel = await open_channel()
        await declare(channel, place)

    return setup


def persistent(body: bytes, identity: str = "", headers: dict[str, str] | None = None) -> Message:
    """Return a JSON message that survives a restart of the broker."""
    import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

    return aio_pika.Message(
        body,
        headers=dict(headers or {}),
        content_type="application/json",
        message_id=identity or None,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
