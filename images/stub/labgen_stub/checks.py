"""`/check`: speak to every documented neighbour, at most once a second however many ask."""

from __future__ import annotations

import asyncio
import logging
import time
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
    at: float

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
    """Asks all neighbours at once; callers who come meanwhile share the round, later ones its result."""

    def __init__(
        self,
        neighbours: Sequence[Neighbour],
        ask: Ask,
        *,
        fresh: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._neighbours, self._ask = tuple(neighbours), ask
        self._fresh, self._clock = fresh, clock
        self._round: asyncio.Task[Verdict] | None = None
        self.last: Verdict | None = None

    async def verdict(self) -> Verdict:
        """Return a verdict that is at most `fresh` seconds old."""
        if self.last is not None and self._clock() - self.last.at < self._fresh:
            return self.last
        if self._round is None:
            self._round = asyncio.create_task(self._ask_all())
        # One caller that hangs up must not end the round for the others.
        return await asyncio.shield(self._round)

    async def _ask_all(self) -> Verdict:
        try:
            results = await asyncio.gather(*(self._ask(one) for one in self._neighbours))
            verdict = Verdict(tuple(zip(self._neighbours, results, strict=True)), self._clock())
        finally:
            self._round = None
        before = self.last.faults() if self.last else None
        if (now := verdict.faults()) != before:
            log.info("healthy" if verdict.healthy else "unhealthy", extra={"faults": now.splitlines()})
        self.last = verdict
        return verdict
