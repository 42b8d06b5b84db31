"""The connection to the broker: everything is set up again whenever it, or a channel on it, is lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from labgen_stub.links import broker as module
from labgen_stub.links.broker import Broker
from labgen_stub.wire import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


class Callbacks:
    """As aio_pika's: called with the sender and the reason."""

    def __init__(self) -> None:
        self.known: list[Callable[..., object]] = []

    def add(self, callback: Callable[..., object]) -> None:
        self.known.append(callback)

    def fire(self) -> None:
        for callback in self.known:
            callback(self, None)


class Closable:
    """A connection, or a channel on one; `silent` answers nothing that is asked, not even to be closed."""

    def __init__(self, *, silent: bool = False) -> None:
        self.close_callbacks = Callbacks()
        self.closed, self.silent = False, silent
        self.channels: list[Closable] = []

    async def channel(self, **_: object) -> Closable:
        self.channels.append(Closable(silent=self.silent))
        return self.channels[-1]

    async def declare_exchange(self, *_: object, **__: object) -> None:
        await self._answer()

    async def close(self) -> None:
        await self._answer()
        self.closed = True

    async def _answer(self) -> None:
        if self.silent:
            await asyncio.Event().wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.01)


async def test_what_is_lost_is_set_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[Closable] = []
    hosts: list[str] = []

    async def open_connection(target: Target, _: str) -> Closable:
        hosts.append(target.host)
        if len(hosts) == 2:
            raise ConnectionRefusedError
        connections.append(Closable())
        return connections[-1]

    monkeypatch.setattr(module, "open_connection", open_connection)
    broker = Broker([Target("amqp", "a", 5672), Target("amqp", "b", 5672)], "node-1")
    done: list[int] = []

    async def setup(open_channel: Callable[[], object]) -> None:
        await open_channel()  # type: ignore[misc]
        done.append(len(connections))

    broker.on_connect(setup)
    running = asyncio.create_task(broker.run())
    await until(lambda: broker.connected_to == "a")
    connections[0].close_callbacks.fire()
    await until(lambda: len(connections) == 2 and broker.connected_to == "a")
    assert connections[0].closed
    connections[1].channels[0].close_callbacks.fire()
    await until(lambda: len(connections) == 3 and broker.connected_to == "b")
    assert hosts == ["a", "b", "a", "b"], "the members of a cluster take turns"
    assert done == [1, 2, 3]
    running.cancel()
    await asyncio.wait([running])
    assert connections[2].closed
    assert broker.connected_to == ""


async def test_without_a_connection_nothing_waits() -> None:
    pytest.importorskip("aio_pika")
    broker = Broker([Target("amqp", "a", 5672)], "node-1")
    with pytest.raises(Garbled, match="not connected"):
        await broker.ping()
    with pytest.raises(Garbled, match="not connected"):
        await broker.publish("x", "fanout", "", b"{}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[Closable]:
    """Connections of a broker whose first member waits for another that is gone; patience is short."""
    pytest.importorskip("aio_pika")
    connections: list[Closable] = []

    async def open_connection(*_: object) -> Closable:
        connections.append(Closable(silent=not connections))
        return connections[-1]

    monkeypatch.setattr(module, "open_connection", open_connection)
    monkeypatch.setattr(module, "ANSWERED_WITHIN", 0.05)
    monkeypatch.setattr(module, "_CLOSED_WITHIN", 0.05)
    return connections


@asynccontextmanager
async def connected() -> AsyncIterator[Broker]:
    broker = Broker([Target("amqp", "a", 5672), Target("amqp", "b", 5672)], "node-1")
    running = asyncio.create_task(broker.run())
    await until(lambda: broker.connected_to == "a")
    yield broker
    await until(lambda: broker.connected_to == "b")
    running.cancel()
    await asyncio.wait([running])


async def declare(channel: Closable) -> None:
    await channel.declare_exchange("x")


async def test_another_member_is_asked_to_set_up_what_one_does_not_answer(cluster: list[Closable]) -> None:
    broker = Broker([Target("amqp", "a", 5672), Target("amqp", "b", 5672)], "node-1")

    async def setup(open_channel: Callable[[], Awaitable[Closable]]) -> None:
        await declare(await open_channel())

    broker.on_connect(setup)  # type: ignore[arg-type]
    running = asyncio.create_task(broker.run())
    await until(lambda: broker.connected_to == "b")
    running.cancel()
    await asyncio.wait([running])
    assert [one.closed for one in cluster] == [False, True]


async def test_what_is_published_is_not_kept_by_a_member_that_does_not_answer(
    cluster: list[Closable],
) -> None:
    async with connected() as broker:
        with pytest.raises(Garbled, match=r"^RabbitMQ: TimeoutError$"):
            await broker.publish("x", "fanout", "", b"{}")
    assert [one.closed for one in cluster] == [False, True]


async def test_who_consumes_is_told_when_a_member_does_not_answer(cluster: list[Closable]) -> None:
    async with connected() as broker:
        with pytest.raises(Garbled, match=r"^RabbitMQ: TimeoutError$"):
            async with broker.consuming(declare):  # type: ignore[arg-type]
                pytest.fail("it was never set up")
    assert [one.closed for one in cluster] == [False, True]
