"""`/check`: speak to every documented neighbour, and look at what is our own; one round however many ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from labgen_stub.settings import Neighbour
from labgen_stub.wire.outcome import Result

log = logging.getLogger(__name__)
Ask = Callable[[Neighbour], Awaitable[Result]]
# Says in one line what is wrong with something of the node's own, nothing when it is well; bounded, and
# never raises.
Own = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What every neighbour answered in one round, and what is wrong with the node itself, a line each."""

    results: tuple[tuple[Neighbour, Result], ...]
    own: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """True when every neighbour spoke and nothing of our own is wrong."""
        return not self.own and all(result.good for _, result in self.results)

    def faults(self) -> str:
        """One line for each fault: our own, then each broken neighbour, by which connection, and why."""
        neighbours = (
            f"{one.node} ({one.role}, {one.protocol} {one.port}, connection {one.connection}): "
            f"{result.outcome}: {result.evidence}"
            for one, result in self.results
            if not result.good
        )
        return "\n".join((*self.own, *neighbours))


class Checks:
    """Asks all neighbours at once, and answers nobody from before the question.

    Who comes while a round runs waits for the next one, which all who came meanwhile share.
    """

    def __init__(self, neighbours: Callable[[], Sequence[Neighbour]], ask: Ask) -> None:
        self._neighbours, self._ask = neighbours, ask
        self._own: list[Own] = []
        self._running: asyncio.Task[Verdict] | None = None
        self._next: asyncio.Task[Verdict] | None = None
        self.last: Verdict | None = None

    def add(self, own: Own) -> None:
        """Look at this, too, in every round from now on."""
        self._own.append(own)

    async def verdict(self) -> Verdict:
        """Return the verdict of a round that began after the call."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask_all(self._running))
        # One caller that hangs up must not end the round for the others.
        return await asyncio.shield(self._next)

    async def _ask_all(self, before: asyncio.Task[Verdict] | None) -> Verdict:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        neighbours = tuple(self._neighbours())
        try:
            results, own = await asyncio.gather(
                asyncio.gather(*(self._ask(one) for one in neighbours)),
                asyncio.gather(*(look() for look in self._own)),
            )
            verdict = Verdict(
                tuple(zip(neighbours, results, strict=True)), tuple(line for line in own if line)
            )
        finally:
            self._running = None
        known = self.last.faults() if self.last else None
        if (now := verdict.faults()) != known:
            log.info("healthy" if verdict.healthy else "unhealthy", extra={"faults": now.splitlines()})
        self.last = verdict
        return verdict
