"""What work needs of its neighbours; tests have their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labgen_stub.links.database import Row, Session

T = TypeVar("T")


class Transactions(Protocol):
    """A database. Each method raises `Unavailable` when it does not answer."""

    async def transact(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work` in one transaction; it may be called again."""

    async def all(self, statement: str, *arguments: object) -> list[Row]:
        """Return every row of one SELECT."""

    async def one(self, statement: str, *arguments: object) -> Row | None:
        """Return the first row of one SELECT."""


class Volatile(Protocol):
    """A store for what may be lost."""

    async def do(self, command: str, *args: str, **options: int) -> object:
        """Do one command. Raises `Unavailable`."""
