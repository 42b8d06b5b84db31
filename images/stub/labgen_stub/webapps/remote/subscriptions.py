"""Which virtual machines VSM watches, and what it last saw of them: keys in Redis (platform.md 2.7).

`PhysicalMachine:all` (a set) and `PhysicalMachine:<host>` (a hash) are the platform's names (R4);
`VirtualMachine:<uuid>` and `PhysicalMachine:<host>:machines` (uuid to last state) follow their style and are
this lab's own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub.messages import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.store import Store
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.journal import Journal


@dataclass(frozen=True, slots=True)
class Subscription:
    """A machine that is watched. `state` is empty until it was seen; `at` is when it changed, in ms."""

    uuid: str
    name: str
    host: str
    state: str
    at: int


def _machine(uuid: str) -> str:
    return f"VirtualMachine:{uuid}"


def _host(host: str) -> str:
    return f"PhysicalMachine:{host}"


def _machines(host: str) -> str:
    return f"PhysicalMachine:{host}:machines"


class Subscriptions:
    """In one Redis, which all virtual factories and VSMs that belong together share (W3).

    Every method raises `Unavailable` when Redis does not answer.
    """

    def __init__(self, store: Store, place: Neighbour | None = None) -> None:
        self._store, self._place = store, place

    def step(self, journal: Journal, name: str) -> AbstractContextManager[None]:
        """Enclose work on the subscriptions as a step of a job."""
        return journal.step(name, self._place) if self._place else nullcontext()

    async def add(self, uuid: str, name: str, host: str) -> None:
        """Watch a machine; its first sighting will be reported."""
        stamp = str(now())
        fields = ["uuid", uuid, "name", name, "host", host, "state", "", "at", stamp]
        await self._store.all(["HSET", _machine(uuid), *fields], ["HSET", _machines(host), uuid, ""])

    async def remove(self, uuid: str) -> str | None:
        """Watch it no longer; return the host that had it, None when it was not watched."""
        host = await self._store.do("hget", _machine(uuid), "host")
        if host is None:
            return None
        await self._store.all(["DEL", _machine(uuid)], ["HDEL", _machines(str(host)), uuid])
        return str(host)

    async def last_seen(self, host: str) -> Mapping[str, str]:
        """Return the last state of each machine watched on a host, empty for one not seen yet."""
        found = await self._store.do("hgetall", _machines(host))
        return dict(found) if isinstance(found, dict) else {}

    async def get(self, uuid: str) -> Subscription | None:
        """Return one subscription."""
        found = await self._store.do("hgetall", _machine(uuid))
        if not isinstance(found, dict) or not found:
            return None
        return Subscription(uuid, found["name"], found["host"], found["state"], int(found["at"]))

    async def saw(self, uuid: str, host: str, state: str, at: int) -> None:
        """Keep a machine's new state."""
        await self._store.all(
            ["HSET", _machine(uuid), "state", state, "at", str(at)], ["HSET", _machines(host), uuid, state]
        )

    async def host_is(self, host: str, state: str) -> None:
        """Keep whether a host answers: `MANAGED`, or `STOPPED` when it does not."""
        await self._store.all(
            ["SADD", "PhysicalMachine:all", host],
            ["HSET", _host(host), "name", host, "state", state, "at", str(now())],
        )

    async def hosts(self) -> Mapping[str, Mapping[str, str]]:
        """Return what is known of every host."""
        found = await self._store.do("smembers", "PhysicalMachine:all")
        names = sorted(str(one) for one in found) if isinstance(found, (set, list)) else []
        answers = await self._store.all(*(["HGETALL", _host(one)] for one in names)) if names else []
        return dict(zip(names, answers, strict=True))

    async def all(self) -> list[Subscription]:
        """Return every subscription."""
        uuids: list[str] = []
        for host in await self.hosts():
            uuids += sorted(await self.last_seen(host))
        return [one for uuid in uuids if (one := await self.get(uuid)) is not None]
