"""The connection to the broker: everything is set up again whenever it, or a channel on it, is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from labgen_stub.links import broker as module
from labgen_stub.links.broker import Broker
from labgen_stub.wire import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import Callable

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
    def __init__(self) -> None:
        self.close_callbacks = Callbacks()
        self.closed = False
        self.channels: list[Closable] = []

    async def channel(self) -> Closable:
        self.channels.append(Closable())
        return self.channels[-1]

    async def close(self) -> None:
        self.closed = True


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
