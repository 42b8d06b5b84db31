"""VSM tells every change once, also over a restart, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub import messages
from labgen_stub.webapps.remote.backends import Sighting
from labgen_stub.webapps.remote.subscriptions import Subscriptions
from labgen_stub.webapps.remote.vsm import Monitor, routes
from labgen_stub.wire import Garbled
from starlette.applications import Starlette

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from labgen_stub.messages import MachineEvent

pytestmark = pytest.mark.anyio


class FakeBackend:
    def __init__(self, *hosts: str) -> None:
        self.now: dict[str, dict[str, Sighting]] = {host: {} for host in hosts}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.before: list[Callable[[], None]] = []

    def hosts(self) -> tuple[str, ...]:
        return tuple(self.now)

    def put(self, host: str, uuid: str, state: str) -> None:
        self.now[host][uuid] = Sighting(f"ABQ_{uuid}", state, host)

    async def states(self, host: str) -> dict[str, Sighting]:
        self.asked.append(host)
        if self.before:
            self.before.pop(0)()
        if host in self.silent:
            raise ConnectionRefusedError("refused")
        return dict(self.now[host])


class Watch:
    def __init__(self, store: Any) -> None:
        self.backend = FakeBackend("h1", "h2")
        self.subscriptions = Subscriptions(store)
        self.events: list[MachineEvent] = []
        self.deaf = 0
        self.monitor = self.made_anew()

    def made_anew(self) -> Monitor:
        backend: Any = self.backend
        return Monitor("dc1", backend, self.subscriptions, self.tell, period=0.01)

    async def tell(self, event: MachineEvent) -> None:
        if self.deaf:
            self.deaf -= 1
            raise Garbled("not connected to RabbitMQ")
        self.events.append(event)

    async def states(self) -> list[tuple[str, str]]:
        await self.monitor.look("h1")
        told = [(one.uuid, one.state) for one in self.events]
        self.events.clear()
        return told


@pytest.fixture
def watch(store: Any) -> Watch:
    return Watch(store)


async def test_changes_are_told_and_nothing_else(watch: Watch) -> None:
    watch.backend.put("h1", "other", "ON")
    assert await watch.states() == []
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    assert await watch.states() == [], "not there yet is not gone"
    watch.backend.put("h1", "a", "ON")
    assert await watch.states() == [("a", "ON")]
    assert await watch.states() == []
    watch.backend.put("h1", "a", "PAUSED")
    assert await watch.states() == [("a", "PAUSED")]
    watch.backend.put("h1", "a", "UNKNOWN")
    assert await watch.states() == []
    del watch.backend.now["h1"]["a"]
    assert await watch.states() == [("a", "GONE")]
    assert await watch.states() == []
    watch.backend.put("h1", "a", "OFF")
    assert await watch.states() == [("a", "OFF")]
    await watch.subscriptions.remove("a")
    del watch.backend.now["h1"]["a"]
    assert await watch.states() == []


async def test_an_event_says_who_where_and_when(watch: Watch) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "ON")
    await watch.monitor.look("h1")
    [event] = watch.events
    assert (event.datacenter, event.host, event.name) == ("dc1", "h1", "ABQ_a")
    assert event.at > 1_500_000_000_000
    watched = await watch.subscriptions.get("a")
    assert watched is not None
    assert (watched.state, watched.at) == ("ON", event.at)


async def test_what_is_over_when_it_is_looked_at_again_is_no_news(watch: Watch) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "PAUSED")
    watch.backend.before = [lambda: None, lambda: watch.backend.put("h1", "a", "ON")]
    assert await watch.states() == []
    assert await watch.states() == [("a", "ON")]


async def test_whoever_changes_a_machine_while_its_host_is_asked_has_the_last_word(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1, 100))
    monkeypatch.setattr(messages, "now", lambda: next(clock))
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "OFF")
    changes: list[int] = []
    watch.backend.before = [lambda: None, lambda: changes.append(messages.now())]
    await watch.monitor.look("h1")
    assert [event.at < changed for event, changed in zip(watch.events, changes, strict=True)] == [True]


async def test_a_restart_tells_nothing_twice(watch: Watch) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "ON")
    assert await watch.states() == [("a", "ON")]
    watch.monitor = watch.made_anew()
    assert await watch.states() == []
    watch.backend.put("h1", "a", "OFF")
    watch.monitor = watch.made_anew()
    assert await watch.states() == [("a", "OFF")]


async def test_what_could_not_be_told_is_told_later(watch: Watch) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "ON")
    watch.deaf = 1
    with pytest.raises(Garbled):
        await watch.monitor.look("h1")
    assert await watch.states() == [("a", "ON")]


async def test_a_silent_host_loses_no_machine_and_keeps_nobody_waiting(watch: Watch) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    await watch.subscriptions.add("b", "ABQ_b", "h2")
    watch.backend.put("h1", "a", "ON")
    watch.backend.put("h2", "b", "ON")
    running = asyncio.create_task(watch.monitor.run())
    await _until(lambda: len(watch.events) == 2)
    watch.backend.silent.add("h1")
    watch.backend.put("h2", "b", "OFF")
    await _until(lambda: len(watch.events) == 3)
    assert watch.events[2].uuid == "b"
    await _hosts_are(watch, {"h1": "STOPPED", "h2": "MANAGED"})
    watch.backend.silent.clear()
    watch.backend.put("h1", "a", "OFF")
    await _until(lambda: len(watch.events) == 4)
    await _hosts_are(watch, {"h1": "MANAGED", "h2": "MANAGED"})
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_watched_can_be_read(watch: Watch, client_of: Callable[..., httpx.AsyncClient]) -> None:
    await watch.subscriptions.add("a", "ABQ_a", "h1")
    watch.backend.put("h1", "a", "ON")
    await watch.monitor.look("h1")
    async with client_of(Starlette(routes=routes("vsm", watch.subscriptions))) as client:
        found = (await client.get("/vsm/virtualmachines")).json()
        assert found["totalSize"] == 1
        assert found["collection"][0]["state"] == "ON"
        assert (await client.get("/vsm/virtualmachines/a")).json()["host"] == "h1"
        assert (await client.get("/vsm/virtualmachines/b")).status_code == 404
        hosts = (await client.get("/vsm/physicalmachines")).json()
        assert hosts["collection"][0]["state"] == "MANAGED"


async def _hosts_are(watch: Watch, wanted: dict[str, str]) -> None:
    async with asyncio.timeout(3):
        while True:
            known = await watch.subscriptions.hosts()
            if {name: one["state"] for name, one in known.items()} == wanted:
                return
            await asyncio.sleep(0.005)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.001)
