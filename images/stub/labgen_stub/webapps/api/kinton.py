"""The API's database, once its schema is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from labgen_stub.links.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labgen_stub.links.database import Row, Session

T = TypeVar("T")
# A request that comes while the first node of a fresh lab makes the schema need not be refused.
PATIENCE = 5.0


class Transactions(Protocol):
    """What the gate leads to: `links.database.Database`, or a test's own."""

    async def transact(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction."""

    async def all(self, statement: str, *arguments: object) -> list[Row]:
        """Return every row of one SELECT."""

    async def one(self, statement: str, *arguments: object) -> Row | None:
        """Return the first row of one SELECT, if there is one."""


class Kinton:
    """Lets nobody at the database before it is ready. Every method raises `Unavailable` when it is not."""

    def __init__(self, database: Transactions, ready: asyncio.Event) -> None:
        self._database, self._ready = database, ready

    async def transact(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction and return what it returns; it may be called again."""
        await self._open()
        return await self._database.transact(work)

    async def _open(self) -> None:
        if not self._ready.is_set():
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._ready.wait()
            except TimeoutError:
                raise Unavailable("the schema is not there yet") from None

    async def all(self, statement: str, *arguments: object) -> list[Row]:
        """Return every row of one SELECT."""
        await self._open()
        return await self._database.all(statement, *arguments)

    async def one(self, statement: str, *arguments: object) -> Row | None:
        """Return the first row of one SELECT, if there is one."""
        await self._open()
        return await self._database.one(statement, *arguments)
