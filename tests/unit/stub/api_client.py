"""Who asks the API in tests, and what stands around it: tokens in memory, the neighbours of a small lab."""

from __future__ import annotations

import base64

from labgen_stub.links.errors import Unavailable
from labgen_stub.settings import Neighbour

ERRORS = "application/vnd.abiquo.errors+json; version=6.1"
NEIGHBOURS = (
    Neighbour("9", "mysql", "mysql-1", "mysql", 3306, site="platform"),
    Neighbour("16", "rs", "dc1-rs-1", "http", 8009, site="dc1"),
    Neighbour("16", "rs", "dc1-rs-2", "http", 8009, site="dc1"),
    Neighbour("17", "bpm", "dc1-bpm-1", "http", 8009, site="dc1"),
    Neighbour("18", "prs", "pcr1-prs-1", "http", 8009, site="pcr1"),
    Neighbour("32", "guacamole", "guacamole-1", "guacd", 4822, site="platform"),
)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


ADMIN = basic("admin", "correct-horse")
JSON = {**ADMIN, "Content-Type": "application/json"}


class MemoryTokens:
    """A store that can be broken."""

    def __init__(self, _: object = None) -> None:
        self.known: dict[str, str] = {}
        self.broken = False

    async def create(self, nick: str) -> str:
        if self.broken:
            raise Unavailable("on purpose")
        self.known[token := f"token-{len(self.known)}"] = nick
        return token

    async def owner(self, token: str) -> str | None:
        if self.broken:
            raise Unavailable("on purpose")
        return self.known.get(token)

    async def forget(self, token: str) -> None:
        self.known.pop(token, None)
