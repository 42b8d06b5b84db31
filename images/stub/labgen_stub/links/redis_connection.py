"""A connection to Redis that knows when it is lost."""

from __future__ import annotations

from redis.asyncio import Connection

__all__ = ["RedisConnection"]


class RedisConnection(Connection):
    """Is none any more when it was reset while nobody used it, so that the next command makes a new one.

    The library only looks whether the other side has ended it. One that was reset, as when another node has
    taken a datanode's address, it would write to; and what asyncio raises then is none of its errors.
    """

    @property
    def is_connected(self) -> bool:
        """Whether a command can be sent."""
        writer = self._writer
        return bool(super().is_connected) and writer is not None and not writer.is_closing()
