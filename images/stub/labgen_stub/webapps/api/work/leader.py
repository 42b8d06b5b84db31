"""What one API node does for all: sends messages, and takes what remote services report (platform.md 2.6).

Nothing is acknowledged before its transaction is committed. A message that cannot be understood goes to
`<queue>.dead`; one that cannot be dealt with now is given back after a pause, for as long as that lasts.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.links.retry import forever
from labgen_stub.messages import BadMessage
from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

    from labgen_stub.links.broker import Broker
    from labgen_stub.links.election import Election
    from labgen_stub.messages import Place

    Handler = Callable[[bytes], Awaitable[None]]

log = logging.getLogger(__name__)
REASON = "x-labgen-reason"
# At once of each queue: the database's connections are there for the REST API, too.
PREFETCH = 4
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Inbox:
    """A queue and what is done with each of its messages."""

    place: Place
    handle: Handler


class Leader:
    """Works while this node leads, and at no other time. A lone node without ZooKeeper always does."""

    def __init__(
        self,
        election: Election | None,
        broker: Broker | None,
        inboxes: Sequence[Inbox],
        duties: Sequence[Callable[[], Awaitable[None]]],
    ) -> None:
        """Keep what to consume, and the duties: coroutines that run for ever while this node leads."""
        self._election, self._broker = election, broker
        self._inboxes, self._duties = tuple(inboxes), tuple(duties)

    async def run(self) -> None:
        """Lead whenever it is our turn, for ever."""
        while True:
            if self._election is not None:
                await self._election.until(leader=True)
            await self._lead()

    async def _lead(self) -> None:
        """Return when the lead is lost; everything has ended by then."""
        work = [asyncio.ensure_future(duty()) for duty in self._duties]
        if self._broker is not None:
            work.append(asyncio.ensure_future(forever("leader's queues", self._consume)))
        deposed = asyncio.ensure_future(self._deposed())
        try:
            await asyncio.wait([deposed, *work], return_when=asyncio.FIRST_COMPLETED)
            for one in work:
                if one.done() and (error := one.exception()) is not None:
                    # A fault of ours: told, and everything begins anew.
                    log.error("a duty of the leader ended", exc_info=error)
                    await asyncio.sleep(_PAUSE)
        finally:
            for task in (deposed, *work):
                task.cancel()
            await asyncio.wait([deposed, *work])

    async def _deposed(self) -> None:
        if self._election is None:
            await asyncio.Event().wait()
        else:
            await self._election.until(leader=False)

    async def _consume(self) -> None:
        """Consume every queue until the connection is lost. Raises `Garbled` while there is none."""
        if self._broker is None:
            return
        async with AsyncExitStack() as stack:
            lost = []
            for inbox in self._inboxes:
                ended = await stack.enter_async_context(self._broker.consuming(partial(_open, inbox)))
                lost.append(asyncio.ensure_future(ended.wait()))
            try:
                await asyncio.wait(lost, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in lost:
                    one.cancel()


async def _open(inbox: Inbox, channel: AbstractChannel) -> None:
    import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

    place = inbox.place
    await channel.set_qos(prefetch_count=PREFETCH)
    exchange = await channel.declare_exchange(place.exchange, aio_pika.ExchangeType(place.kind), durable=True)
    queue = await channel.declare_queue(place.queue, durable=True)
    await queue.bind(exchange, place.queue)
    await channel.declare_queue(f"{place.queue}.dead", durable=True)

    async def take(message: AbstractIncomingMessage) -> None:
        await deliver(channel, inbox, message)

    await queue.consume(take)


async def deliver(channel: AbstractChannel, inbox: Inbox, message: AbstractIncomingMessage) -> None:
    """See one message to its end: acknowledged, buried, or given back."""
    try:
        try:
            await inbox.handle(message.body)
        except BadMessage as error:
            await _bury(channel, inbox, message, str(error))
        await message.ack()
    except (Unavailable, Garbled, OSError) as error:
        log.warning("given back", extra={"queue": inbox.place.queue, "reason": str(error)})
        await _give_back(message)
    except Exception as error:
        # A fault of ours. Once it may be a coincidence; it must not keep the queue busy for ever.
        log.exception("a message could not be dealt with", extra={"queue": inbox.place.queue})
        if message.redelivered:
            await _bury(channel, inbox, message, repr(error))
            await message.ack()
        else:
            await _give_back(message)


async def _give_back(message: AbstractIncomingMessage) -> None:
    await asyncio.sleep(_PAUSE)
    # On a channel that is gone the broker gives it back by itself.
    with suppress(Exception):
        await message.nack(requeue=True)


async def _bury(
    channel: AbstractChannel, inbox: Inbox, message: AbstractIncomingMessage, reason: str
) -> None:
    """Copy a message to the dead letters; returns when the broker has it there."""
    import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

    dead = aio_pika.Message(
        message.body,
        headers={**(message.headers or {}), REASON: reason[:200]},
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await channel.default_exchange.publish(dead, f"{inbox.place.queue}.dead")
    log.warning("buried", extra={"queue": inbox.place.queue, "reason": reason[:200]})
