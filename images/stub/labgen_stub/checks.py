"""`/check`: speak to every documented neighbour, one round at a time however many ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from labgen_stub.settings import Neighbour
from labgen_stub.wire.outcome import Result

log = logging.getLogger(__name__)
Ask = Callable[[Neighbour], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What every neighbour answered in one round."""

    results: tuple[tuple[Neighbour, Result], ...]

    @property
    def healthy(self) -> bool:
        """True when every neighbour spoke."""
        return all(result.good for _, result in self.results)

    def faults(self) -> str:
        """One line for each broken neighbour: which, by which connection, and why."""
        return "\n".join(
            f"{one.node} ({one.role}, {one.protocol} {one.port}, connection {one.connection}): "
            f"{result.outcome}: {result.evidence}"
            for one, result in self.results
            if not result.good
        )


class Checks:
    """Asks all neighbours at once, and answers nobody from before the question.

    Who comes while a round runs waits for the next one, which all who came meanwhile share.
    """

    def __init__(self, neighbours: Sequence[Neighbour], ask: Ask) -> None:
        self._neighbours, self._ask = tuple(neighbours), ask
        self._running: asyncio.Task[Verdict] | None = None
        self._next: asyncio.Task[Verdict] | None = None
        self.last: Verdict | None = None

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
        try:
            results = await asyncio.gather(*(self._ask(one) for one in self._neighbours))
            verdict = Verdict(tuple(zip(self._neighbours, results, strict=True)))
        finally:
            self._running = None
        known = self.last.faults() if self.last else None
        if (now := verdict.faults()) != known:
            log.info("healthy" if verdict.healthy else "unhealthy", extra={"faults": now.splitlines()})
        self.last = verdict
        return verdict
