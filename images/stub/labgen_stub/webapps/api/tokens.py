"""Session tokens in Redis, so that every API node honours what one of them gave out."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from labgen_stub.links.store import Store

LIFETIME = 30 * 60


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

    Each method raises `Unavailable` when Redis does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, nick: str) -> str:
        """Make a new token for a user."""
        token = secrets.token_urlsafe(32)
        await self._store.do("set", _key(token), nick, ex=LIFETIME)
        return token

    async def owner(self, token: str) -> str | None:
        """Whose token it is, if anybody's; it then lives on for another half hour."""
        nick = await self._store.do("getex", _key(token), ex=LIFETIME)
        return None if nick is None else str(nick)

    async def forget(self, token: str) -> None:
        """End a token's life."""
        await self._store.do("delete", _key(token))
