"""Takes requests from a queue of the platform (platform.md 2.5), has them done once, and answers them.

Nothing is acknowledged before the broker has confirmed the answer, so a server that is killed anywhere loses
no request: it comes again. What was finished then is answered from memory; what was not is done again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from labgen_stub import messages
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import BadMessage, Place, Request
from labgen_stub.webapps.remote.attempts import Patience, attempt, failed
from labgen_stub.webapps.remote.memory import CLAIMED
from labgen_stub.webapps.remote.places import declare, persistent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

    from labgen_stub.links.broker import OpenChannel
    from labgen_stub.webapps.remote.attempts import Worker
    from labgen_stub.webapps.remote.memory import Memory

log = logging.getLogger(__name__)
T = TypeVar("T")
REASON = "x-labgen-reason"
PREFETCH = 50  # R2
_CONFIRMED_WITHIN = 30.0
_BREATH = 0.5


class Consumer:
    """Of one queue."""

    def __init__(
        self,
        server: str,
        places: tuple[Place, Place],
        worker: Worker,
        memory: Memory,
        patience: Patience | None = None,
        at_once: int = 4,
    ) -> None:
        """Keep what to consume and where to answer (`places`), who does the work, and how many at once."""
        self._server, self._worker, self._memory = server, worker, memory
        self._requests, self._answers = places
        self._patience = patience or Patience()
        self._turns = asyncio.Semaphore(at_once)
        self._running: dict[str, asyncio.Task[bytes]] = {}
        # A queue beside it rather than arguments on it: the platform's own servers declare it without.
        self.dead_letters = f"{self._requests.queue}.dead"

    async def setup(self, open_channel: OpenChannel) -> None:
        """Declare, bind and consume on a new connection."""
        channel = await open_channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        # The answers' queue too: an answer must have somewhere to go before the API was ever there.
        answers, _ = await declare(channel, self._answers)
        _, queue = await declare(channel, self._requests)
        await channel.declare_queue(self.dead_letters, durable=True)

        async def take(message: AbstractIncomingMessage) -> None:
            await self._take(channel, answers, message)

        await queue.consume(take)

    async def _take(
        self, channel: AbstractChannel, answers: AbstractExchange, message: AbstractIncomingMessage
    ) -> None:
        """See one delivery to its end. One that cannot be ended now is given back to the broker."""
        try:
            try:
                request = messages.load_request(message.body)
            except BadMessage as error:
                await self._bury(channel, message, str(error))
                return
            answer = await self.settle(request)
            async with asyncio.timeout(_CONFIRMED_WITHIN):
                await answers.publish(persistent(answer, request.job), self._answers.queue)
            await message.ack()
        except Exception as error:  # noqa: BLE001 - whatever it is, the request must not be lost
            log.warning("given back", extra={"queue": self._requests.queue, "reason": f"{error!r}"[:300]})
            await asyncio.sleep(_BREATH)
            # On a channel that is gone the broker gives the request back by itself.
            with suppress(Exception):
                await message.nack(requeue=True)

    async def settle(self, request: Request) -> bytes:
        """Return a request's answer: of the work that goes on, remembered, or of work done now.

        The work does not end with the delivery that began it: what comes again meanwhile waits for it.
        """
        task = self._running.get(request.job)
        if task is None:
            task = self._running[request.job] = asyncio.create_task(self._settle(request))
            task.add_done_callback(lambda _: self._running.pop(request.job, None))
        return await asyncio.shield(task)

    async def _settle(self, request: Request) -> bytes:
        try:
            known = await self._insist(lambda: self._claimed(request.job))
        except Unavailable as error:
            # Without a claim nothing was begun.
            answer = failed(request, self._server, f"{self._memory.place}: {error}", self._memory.place)
            return messages.dump(answer)
        if known is not None:
            log.info("answered again", extra={"job": request.job, "work": request.work})
            return known
        holding = asyncio.create_task(self._hold(request.job))
        try:
            answer = await attempt(request, self._server, self._worker, self._patience, lambda: self._turns)
            body = messages.dump(answer)
            # Not remembered, it is answered all the same: that it may be done twice is the lesser evil.
            with suppress(Unavailable):
                await self._insist(lambda: self._memory.remember(request.job, body))
        finally:
            holding.cancel()
        told = {"job": request.job, "work": request.work, "fault": answer.fault, "error": answer.error}
        log.info("failed" if answer.error else "done", extra={name: it for name, it in told.items() if it})
        return body

    async def _claimed(self, job: str) -> bytes | None:
        """Wait until the job is ours (None) or finished by another (its answer). Raises `Unavailable`."""
        while True:
            if (known := await self._memory.recall(job)) is not None:
                return known
            if await self._memory.claim(job):
                # Between the two questions another may have finished it.
                return await self._memory.recall(job)
            await asyncio.sleep(_BREATH)

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the memory until it answers. Raises `Unavailable` when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience.total
        while True:
            try:
                return await ask()
            except Unavailable:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(self._patience.first)

    async def _hold(self, job: str) -> None:
        while True:
            await asyncio.sleep(CLAIMED / 3)
            with suppress(Unavailable):
                await self._memory.hold(job)

    async def _bury(self, channel: AbstractChannel, message: AbstractIncomingMessage, reason: str) -> None:
        """Move what is no request to the dead letters; acknowledged only when the broker has it there."""
        headers = {name: str(value) for name, value in (message.headers or {}).items()}
        async with asyncio.timeout(_CONFIRMED_WITHIN):
            await channel.default_exchange.publish(
                persistent(message.body, message.message_id or "", {**headers, REASON: reason[:200]}),
                self.dead_letters,
            )
        await message.ack()
        log.warning("buried", extra={"queue": self._requests.queue, "reason": reason[:200]})
