"""What the tests of consoles share: a Redis and a MySQL in memory."""

from __future__ import annotations

import time
from typing import Any

from labgen_stub.links.errors import Unavailable

# A machine that runs; its display is at the hypervisor.
RUNNING = {
    "label": "web",
    "state": "ON",
    "display_host": "dc1-hypervisor-1",
    "display_port": 5901,
    "address": "10.20.0.7",
    "datacenter": "dc1",
}


class Memory:
    """What the API needs of Redis; `later` lets time pass."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.ends: dict[str, float] = {}
        self.lifetimes: list[int] = []
        self.later = 0.0
        self.broken = False

    async def do(self, command: str, *args: str, ex: int = 0) -> str | None:
        if self.broken:
            raise Unavailable("on purpose")
        key, *value = args
        now = time.monotonic() + self.later
        if command == "set":
            self.kept[key], self.ends[key] = value[0], now + ex
            self.lifetimes.append(ex)
            return None
        assert command == "getdel", command
        return self.kept.pop(key, None) if self.ends.get(key, 0) > now else None


class Machines:
    """What the API needs of MySQL: one machine, of one enterprise."""

    def __init__(self) -> None:
        self.row: dict[str, Any] | None = dict(RUNNING)
        self.asked: list[tuple[object, ...]] = []
        self.broken = False

    async def one(self, _: str, *arguments: object) -> dict[str, Any] | None:
        if self.broken:
            raise Unavailable("on purpose")
        self.asked.append(arguments)
        return self.row
