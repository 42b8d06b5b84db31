"""One long-lived connection to RabbitMQ, shared by whoever consumes, publishes or checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from labgen_stub.links.retry import forever
from labgen_stub.wire import Garbled, Target
from labgen_stub.wire.amqp import open_connection

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection

log = logging.getLogger(__name__)
Setup = Callable[["AbstractConnection"], Awaitable[None]]


class BrokerGone(ConnectionError):
    """There is no connection to the broker now."""


class Broker:
    """Connects to one of the addresses and sets up again whatever was registered.

    Several addresses are the members of one cluster (platform.md 3, `abiquo.rabbitmq.addresses`).
    """

    def __init__(self, addresses: Sequence[Target], name: str) -> None:
        self._addresses, self._name, self._next = tuple(addresses), name, 0
        self._setups: list[Setup] = []
        self._connection: AbstractConnection | None = None
        self._ready = asyncio.Event()
        self.connected_to = ""

    def on_connect(self, setup: Setup) -> None:
        """Run `setup` on each new connection: declare, bind, consume. It may raise; all is then redone."""
        self._setups.append(setup)

    async def run(self) -> None:
        """Keep the connection, for ever. Ends by cancellation and closes in order."""
        try:
            await forever("RabbitMQ", self._live_once)
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def _live_once(self) -> None:
        target = self._addresses[self._next % len(self._addresses)]
        self._next += 1
        connection = await open_connection(target, self._name)
        try:
            for setup in self._setups:
                await setup(connection)
            self._connection, self.connected_to = connection, target.host
            self._ready.set()
            log.info("connected to RabbitMQ", extra={"host": target.host})
            await connection.closed()
            log.warning("connection to RabbitMQ lost", extra={"host": target.host})
        finally:
            self._ready.clear()
            self._connection, self.connected_to = None, ""
            await connection.close()

    async def connection(self) -> AbstractConnection:
        """Return the living connection; waits for it as long as the caller lets it."""
        while self._connection is None:
            await self._ready.wait()
        return self._connection

    async def ping(self) -> str:
        """Open and close a channel on the living connection: the broker works, without a new login."""
        connection = await self.connection()
        channel = await connection.channel()
        await channel.close()
        return f"channel opened on the connection to {self.connected_to}"

    async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
        """Publish one JSON message to a durable exchange and wait for the broker's confirmation.

        Raises:
            BrokerGone: there is no connection.
            Garbled: the broker refuses.
        """
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour
        from aio_pika.exceptions import AMQPError  # noqa: PLC0415 - loaded by whoever has such a neighbour

        if self._connection is None:
            raise BrokerGone("not connected to RabbitMQ")
        message = aio_pika.Message(
            body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        try:
            async with self._connection.channel() as channel:
                place = await channel.declare_exchange(exchange, aio_pika.ExchangeType(kind), durable=True)
                await place.publish(message, routing_key, mandatory=False)
        except AMQPError as error:
            raise Garbled(f"publish to {exchange}: {error}") from error
