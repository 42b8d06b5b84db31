"""Messages on their way: written with what they tell, sent by the leader, at least once, in order.

A message is written in the transaction that makes it true, so nobody hears of what was undone, and nothing
is lost between MySQL and RabbitMQ. A sender that is killed between the broker's confirmation and the
removal of the row sends it again: whoever receives it does it once, by the job's identity.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from labgen_stub.links.errors import Unavailable
from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.messages import Place
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
_BATCH = 100
# Another node's messages are found by looking; this node's own are told by the signal.
_LOOK = 0.25
_PAUSE = 0.5
_TIMEOUT = 10.0
_WAITING = "SELECT id, exchange, kind, routing_key, body FROM outbox ORDER BY id LIMIT 100"


class Publisher(Protocol):
    """What sending needs of a broker."""

    async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
        """Publish one message and wait for the confirmation."""


async def put(session: Session, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
    """Take a message on its way, if and when the transaction is committed."""
    await session.insert(
        "INSERT INTO outbox (exchange, kind, routing_key, body) VALUES (%s, %s, %s, %s)",
        exchange,
        kind,
        routing_key,
        body.decode(),
    )


async def put_to(session: Session, place: Place, body: bytes) -> None:
    """Take a message on its way to a queue."""
    await put(session, place.exchange, place.kind, place.queue, body)


class Sender:
    """Sends what waits, for as long as it runs: only the leader's does.

    Messages of one virtual machine leave in the order in which they were written, because its row is
    locked by whoever writes one. Those of different transactions may overtake each other.
    """

    def __init__(self, database: Transactions, broker: Publisher | None) -> None:
        self._database, self._broker = database, broker
        self._signal = asyncio.Event()

    def wake(self) -> None:
        """Tell that there may be something to send; to be called after the transaction."""
        self._signal.set()

    async def run(self) -> None:
        """Send for ever; ends by cancellation."""
        complaint = ""
        while True:
            self._signal.clear()
            try:
                sent = await self.send()
                complaint = ""
            except (Unavailable, Garbled, OSError) as error:
                text = f"{type(error).__name__}: {error}"
                if text != complaint:
                    log.warning("messages wait", extra={"reason": text})
                    complaint = text
                await asyncio.sleep(_PAUSE)
                continue
            if sent < _BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._signal.wait(), _LOOK)

    async def send(self) -> int:
        """Send what waits now, the oldest first and at most a batch; return how many that were.

        Raises:
            Unavailable: MySQL is away.
            Garbled: the broker is away, or refuses one.
            OSError: as `Garbled`.
        """
        if self._broker is None:
            raise Garbled("no RabbitMQ among the neighbours")
        rows = await self._database.all(_WAITING)
        sent: list[int] = []
        try:
            for row in rows:
                await _publish(self._broker, row)
                sent.append(int(row["id"]))
        finally:
            if sent:
                await self._remove(sent)
        return len(sent)

    async def _remove(self, sent: list[int]) -> None:
        marks = ", ".join(["%s"] * len(sent))

        async def work(session: Session) -> int:
            return await session.run(f"DELETE FROM outbox WHERE id IN ({marks})", *sent)  # noqa: S608

        await self._database.transact(work)


async def _publish(broker: Publisher, row: Row) -> None:
    async with asyncio.timeout(_TIMEOUT):
        await broker.publish(row["exchange"], row["kind"], row["routing_key"], row["body"].encode())
