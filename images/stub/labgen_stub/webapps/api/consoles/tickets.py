"""Tokens of consoles: each opens one console, once, and only for a while.

Redis has the digest of a token and, sealed with the token itself, what it opens: who reads Redis gets
neither at consoles nor at the passwords that users gave for them.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from labgen_stub.webapps.api.consoles.seal import seal, unseal

if TYPE_CHECKING:
    from labgen_stub.links.store import Store

LIFETIME = 60
_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token opens.

    Attributes:
        protocol: `vnc`, `ssh` or `rdp`.
        host, port: where, as websockify and guacd see it.
        label: of the virtual machine, for the log.
        username, password: at the machine, for SSH and RDP; empty when it shall ask for them itself.
    """

    protocol: str
    host: str
    port: int
    label: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


class Tickets:
    """Makes and redeems them. Both methods raise `Unavailable` when Redis does not answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def make(self, ticket: Ticket, lifetime: int = LIFETIME) -> tuple[str, int]:
        """Return a new token, and until when it is good (milliseconds since 1970)."""
        token = secrets.token_urlsafe(_BYTES)
        sealed = seal(token, json.dumps(asdict(ticket)).encode())
        await self._store.do("set", _key(token), sealed, ex=lifetime)
        return token, round((time.time() + lifetime) * 1000)

    async def redeem(self, token: str) -> Ticket | None:
        """Return what a token opens, and forget it: of two who come with it at once, one is told."""
        if not _TOKEN.fullmatch(token):
            return None
        sealed = await self._store.do("getdel", _key(token))
        plain = None if sealed is None else unseal(token, str(sealed))
        return None if plain is None else Ticket(**json.loads(plain))


def _key(token: str) -> str:
    return "abiquo:api:console:" + hashlib.sha256(token.encode()).hexdigest()
