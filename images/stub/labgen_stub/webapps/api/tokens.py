"""Session tokens in Redis, so that every API node honours what one of them gave out."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from labgen_stub.settings import Neighbour

LIFETIME = 30 * 60
_TIMEOUT = 1.5


class TokensUnavailable(Exception):
    """Redis cannot be asked now."""


class TokenStore(Protocol):
    """What authentication needs of a store."""

    async def create(self, nick: str) -> str:
        """Make a new token for a user."""

    async def owner(self, token: str) -> str | None:
        """Whose token it is, if anybody's; it then lives on."""

    async def forget(self, token: str) -> None:
        """End a token's life."""


def _key(token: str) -> str:
    # Who reads Redis must not become everybody: only the digest is kept there.
    return "abiquo:api:token:" + hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """Tokens that live for half an hour after their last use.

    Each method raises `TokensUnavailable` when Redis does not answer.
    """

    def __init__(self, places: Sequence[Neighbour]) -> None:
        self._places = tuple(places)
        self._redis: Redis | None = None

    def _client(self) -> Redis:
        if self._redis is None:
            if not self._places:
                raise TokensUnavailable("no Redis among the neighbours")
            from redis.asyncio import Redis  # noqa: PLC0415 - loaded by whoever has such a neighbour

            place = self._places[0]
            self._redis = Redis(
                host=place.node,
                port=place.port,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                decode_responses=True,
            )
        return self._redis

    async def create(self, nick: str) -> str:
        """Make a new token for a user."""
        token = secrets.token_urlsafe(32)
        await self._do("set", _key(token), nick, ex=LIFETIME)
        return token

    async def owner(self, token: str) -> str | None:
        """Whose token it is, if anybody's; it then lives on for another half hour."""
        nick = await self._do("getex", _key(token), ex=LIFETIME)
        return None if nick is None else str(nick)

    async def forget(self, token: str) -> None:
        """End a token's life."""
        await self._do("delete", _key(token))

    async def _do(self, command: str, *args: str, **options: int) -> object:
        client = self._client()
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded by whoever has such a neighbour

        try:
            answer: object = await getattr(client, command)(*args, **options)
        except (RedisError, OSError) as error:
            raise TokensUnavailable(str(error)) from error
        return answer
