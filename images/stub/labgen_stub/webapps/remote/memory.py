"""What a service remembers of its jobs, so that a request that comes twice is done once.

A finished job's answer is kept for a day; a job that goes on is claimed by a lock that ends by itself. The
keys are this lab's own: the documents do not say how the platform does it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from labgen_stub.links.store import Store

# Longer than any redelivery: RabbitMQ keeps a request as long as its consumer is away.
KEPT = 24 * 3600
CLAIMED = 15


class Memory(Protocol):
    """Of one service. Every method may raise `Unavailable`.

    Attributes:
        place: the node that has it, which is at fault when it does not answer.
    """

    place: str

    async def recall(self, job: str) -> bytes | None:
        """Return the answer of a job that is finished."""

    async def claim(self, job: str) -> bool:
        """Take a job for this process, for `CLAIMED` seconds; False when another has it."""

    async def hold(self, job: str) -> None:
        """Keep a claim for another `CLAIMED` seconds."""

    async def remember(self, job: str, answer: bytes) -> None:
        """Keep the answer of a job, and give the claim up."""


class Lasting:
    """In the service's Redis (rows 22, 23): it outlives the process; who shares the Redis shares it."""

    def __init__(self, store: Store, service: str, node: str) -> None:
        self._store, self._service, self._node = store, service, node
        self.place = store.node or node
        # Another process of the same node is a former one: a node has one process.
        self._owner = f"{node}/{secrets.token_hex(4)}"

    def _key(self, kind: str, job: str) -> str:
        return f"{self._service}:{kind}:{job}"

    async def recall(self, job: str) -> bytes | None:
        """Return the answer of a job that is finished."""
        answer = await self._store.do("get", self._key("answer", job))
        return None if answer is None else str(answer).encode()

    async def claim(self, job: str) -> bool:
        """Take a job: one that is free, and one that this node had before it was restarted."""
        key = self._key("claim", job)
        if await self._store.do("set", key, self._owner, nx=True, ex=CLAIMED):
            return True
        owner = str(await self._store.do("get", key) or "")
        if owner.rpartition("/")[0] != self._node:
            return False
        await self.hold(job)
        return True

    async def hold(self, job: str) -> None:
        """Keep a claim."""
        await self._store.do("set", self._key("claim", job), self._owner, ex=CLAIMED)

    async def remember(self, job: str, answer: bytes) -> None:
        """Keep the answer and give the claim up, both or neither."""
        await self._store.all(
            ["SET", self._key("answer", job), answer.decode(), "EX", str(KEPT)],
            ["DEL", self._key("claim", job)],
        )


class Fleeting:
    """In the process itself, for a service without a Redis (BPM, row 24): a restart does a job anew.

    Only for work that may be done twice.
    """

    _MOST = 1000

    def __init__(self, node: str) -> None:
        self.place = node
        self._answers: dict[str, bytes] = {}

    async def recall(self, job: str) -> bytes | None:
        """Return the answer of a job that is finished."""
        return self._answers.get(job)

    async def claim(self, job: str) -> bool:
        """Take a job: there is nobody else."""
        del job
        return True

    async def hold(self, job: str) -> None:
        """Nothing ends a claim."""

    async def remember(self, job: str, answer: bytes) -> None:
        """Keep the answer, and forget the oldest when there are many."""
        self._answers[job] = answer
        while len(self._answers) > self._MOST:
            self._answers.pop(next(iter(self._answers)))
