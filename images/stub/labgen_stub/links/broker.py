"""One long-lived connection to RabbitMQ, shared by whoever consumes, publishes or checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from labgen_stub.links.retry import forever
from labgen_stub.wire import Garbled, Target
from labgen_stub.wire.amqp import open_connection

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection

log = logging.getLogger(__name__)
OpenChannel = Callable[[], Awaitable["AbstractChannel"]]
Setup = Callable[[OpenChannel], Awaitable[None]]


class Broker:
    """Connects to one of the addresses and sets up again whatever was registered.

    Several addresses are the members of one cluster (platform.md 3, `abiquo.rabbitmq.addresses`).
    """

    def __init__(self, addresses: Sequence[Target], name: str) -> None:
        self._addresses, self._name, self._next = tuple(addresses), name, 0
        self._setups: list[Setup] = []
        self._connection: AbstractConnection | None = None
        self.connected_to = ""

    def on_connect(self, setup: Setup) -> None:
        """Run `setup` on each new connection: declare, bind, consume. It may raise; all is then redone."""
        self._setups.append(setup)

    async def run(self) -> None:
        """Keep the connection, for ever. Ends by cancellation and closes in order."""
        await forever("RabbitMQ", self._live_once)

    async def _live_once(self) -> None:
        target = self._addresses[self._next % len(self._addresses)]
        self._next += 1
        connection = await open_connection(target, self._name)
        lost = asyncio.Event()

        async def open_channel() -> AbstractChannel:
            """Open a channel whose end, by whatever error, ends the connection: all is set up anew."""
            channel = await connection.channel()
            channel.close_callbacks.add(lambda *_: lost.set())
            return channel

        connection.close_callbacks.add(lambda *_: lost.set())
        try:
            for setup in self._setups:
                await setup(open_channel)
            self._connection, self.connected_to = connection, target.host
            log.info("connected to RabbitMQ", extra={"host": target.host})
            await lost.wait()
            log.warning("connection to RabbitMQ lost", extra={"host": target.host})
        finally:
            self._connection, self.connected_to = None, ""
            with suppress(Exception):
                await connection.close()

    async def ping(self) -> str:
        """Open and close a channel on the living connection: the broker works, without a new login.

        Raises:
            Garbled: the connection is ending, or the broker refuses.
        """
        where = self.connected_to
        async with self._channel() as channel:
            await channel.close()
        return f"channel opened on the connection to {where}"

    async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
        """Publish one JSON message to a durable exchange and wait for the broker's confirmation.

        Raises:
            Garbled: there is no connection now, or the broker refuses.
        """
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        message = aio_pika.Message(
            body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        async with self._channel() as channel:
            place = await channel.declare_exchange(exchange, aio_pika.ExchangeType(kind), durable=True)
            await place.publish(message, routing_key, mandatory=False)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """Give a channel for one piece of work, with every kind of failure as `Garbled`."""
        from aio_pika.exceptions import AMQPError  # noqa: PLC0415 - loaded by whoever has such a neighbour

        if self._connection is None:
            raise Garbled("not connected to RabbitMQ")
        try:
            async with self._connection.channel() as channel:
                yield channel
        except (AMQPError, RuntimeError) as error:  # RuntimeError: closed, but we have not been told yet
            raise Garbled(f"RabbitMQ: {type(error).__name__}") from error
