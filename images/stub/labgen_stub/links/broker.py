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
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

log = logging.getLogger(__name__)
OpenChannel = Callable[[], Awaitable["AbstractChannel"]]
Setup = Callable[[OpenChannel], Awaitable[None]]

#: Seconds. A cluster of brokers notices a member that fell silent within 9 (docs/clusters.md), and a request
#: that needs it is answered then; what was not answered by now never will be, on this connection.
ANSWERED_WITHIN = 12.0
_CLOSED_WITHIN = 2.0


def _failures() -> tuple[type[Exception], ...]:
    """Return what the client raises when the broker or the connection does not do as it should."""
    from aio_pika.exceptions import AMQPError  # noqa: PLC0415 - loaded by whoever has such a neighbour

    # RuntimeError: closed, but we have not been told yet.
    return AMQPError, OSError, RuntimeError


class Broker:
    """Connects to one of the addresses and sets up again whatever was registered.

    Several addresses are the members of one cluster (platform.md 3, `abiquo.rabbitmq.addresses`).
    """

    def __init__(self, addresses: Sequence[Target], name: str) -> None:
        self._addresses, self._name, self._next = tuple(addresses), name, 0
        self._setups: list[Setup] = []
        self._connection: AbstractConnection | None = None
        self._publishing: AbstractChannel | None = None
        self._places: dict[tuple[str, str, str], AbstractExchange] = {}
        self._declaring = asyncio.Lock()
        self.connected_to = ""
        self._lost: asyncio.Event | None = None

    def move(self, addresses: Sequence[Target]) -> None:
        """Connect to these from now on; a connection to one of them stays, any other ends."""
        self._addresses = tuple(addresses)
        if self._lost is not None and self.connected_to not in {one.host for one in addresses}:
            self._lost.set()

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
            async with self._answered():
                for setup in self._setups:
                    await setup(open_channel)
            self._connection, self.connected_to, self._lost = connection, target.host, lost
            log.info("connected to RabbitMQ", extra={"host": target.host})
            await lost.wait()
            log.warning("connection to RabbitMQ lost", extra={"host": target.host})
        finally:
            self._connection, self.connected_to, self._lost = None, "", None
            self._publishing = None
            self._places.clear()
            await _close(connection)

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
        """Publish one JSON message and wait for the broker's confirmation.

        Everything goes over one channel. The durable exchange is declared before, and unless it is a
        fanout also the durable queue that the routing key names (R2): nothing is lost because its consumer
        was never there.

        Raises:
            Garbled: there is no connection now, or the broker refuses.
        """
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        message = aio_pika.Message(
            body, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        try:
            async with self._answered():
                place = await self._place(exchange, kind, routing_key)
                await place.publish(message, routing_key, mandatory=kind != "fanout")
        except _failures() as error:
            # Whatever it was, the next message finds a channel of its own and declares anew.
            await self._forget()
            raise Garbled(f"RabbitMQ: {type(error).__name__}") from error

    async def _place(self, exchange: str, kind: str, routing_key: str) -> AbstractExchange:
        """Return an exchange of the publishing channel, declared with the queue behind it."""
        from aio_pika import ExchangeType  # noqa: PLC0415 - loaded by whoever has such a neighbour

        key = (exchange, kind, routing_key)
        async with self._declaring:
            if self._connection is None:
                raise Garbled("not connected to RabbitMQ")
            if self._publishing is None or self._publishing.is_closed:
                self._places.clear()
                self._publishing = await self._connection.channel(on_return_raises=True)
            if key not in self._places:
                place = await self._publishing.declare_exchange(exchange, ExchangeType(kind), durable=True)
                if kind != "fanout":
                    queue = await self._publishing.declare_queue(routing_key, durable=True)
                    await queue.bind(place, routing_key)
                self._places[key] = place
            return self._places[key]

    async def _forget(self) -> None:
        channel, self._publishing = self._publishing, None
        self._places.clear()
        if channel is not None:
            await _close(channel)

    @asynccontextmanager
    async def _answered(self) -> AsyncIterator[None]:
        """Bound what is asked of the broker. One that does not answer is left, for the next address."""
        lost = self._lost
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                yield
        except TimeoutError:
            if lost is not None:
                lost.set()
            raise

    @asynccontextmanager
    async def consuming(
        self, setup: Callable[[AbstractChannel], Awaitable[None]]
    ) -> AsyncIterator[asyncio.Event]:
        """Consume, as `setup` says on a channel of its own, for as long as the caller wants it.

        Gives an event that is set when the channel is lost. What was not acknowledged then goes back to its
        queue.

        Raises:
            Garbled: there is no connection now, or the broker refuses or does not answer.
        """
        lost = asyncio.Event()
        async with self._channel() as channel:
            channel.close_callbacks.add(lambda *_: lost.set())
            async with self._answered():
                await setup(channel)
            yield lost

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """Give a channel for one piece of work, with every kind of failure as `Garbled`."""
        if self._connection is None:
            raise Garbled("not connected to RabbitMQ")
        try:
            async with self._answered():
                channel = await self._connection.channel()
            try:
                yield channel
            finally:
                await _close(channel)
        except _failures() as error:
            raise Garbled(f"RabbitMQ: {type(error).__name__}") from error


async def _close(it: AbstractChannel | AbstractConnection) -> None:
    """Close in order if the broker goes along, and leave it be if not."""
    with suppress(Exception):
        async with asyncio.timeout(_CLOSED_WITHIN):
            await it.close()
