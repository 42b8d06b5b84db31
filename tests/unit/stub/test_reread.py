"""A node that serves takes other neighbours over, and says when it cannot."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from labgen_stub.control import listening
from labgen_stub.node import Node
from labgen_stub.reload import ask
from labgen_stub.settings import Neighbour, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio

API = Neighbour("9", "api", "api-1", "http", 8009)
MYSQL = Neighbour("11", "mysql", "mysql-1", "mysql", 3306)
BROKERS = tuple(Neighbour("12", "rabbitmq", f"rabbitmq-{n}", "amqp", 5672) for n in (1, 2))


async def test_checks_ask_who_is_there_now(settings: Callable[..., Settings]) -> None:
    node = Node(settings("m", neighbours=(API,)))
    node.take(settings("m", neighbours=(API, replace(API, node="api-2"))))
    verdict = await node.checks.verdict()
    assert [one.node for one, _ in verdict.results] == ["api-1", "api-2"]
    node.take(settings("m", neighbours=(replace(API, node="api-2"),)))
    assert [one.node for one, _ in (await node.checks.verdict()).results] == ["api-2"]


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ((API,), "mysql leads to nobody instead of mysql-1"),
        ((API, replace(MYSQL, node="datanode")), "mysql leads to datanode instead of mysql-1"),
        ((API, MYSQL, *BROKERS), "amqp leads to rabbitmq-1 rabbitmq-2 instead of nobody"),
        ((MYSQL,), "http leads to nobody instead of api-1"),
    ],
)
async def test_what_only_a_new_start_takes_over(
    settings: Callable[..., Settings], after: tuple[Neighbour, ...], reason: str
) -> None:
    before = settings("m", neighbours=(API, MYSQL))
    node = Node(before)
    with pytest.raises(SettingsError) as caught:
        node.take(settings("m", neighbours=after))
    assert str(caught.value) == f"{reason}: only a new start takes that over"
    assert node.settings is before


async def test_another_node_is_no_change_of_this_one(settings: Callable[..., Settings]) -> None:
    node = Node(settings("m"))
    with pytest.raises(SettingsError, match=r"^node is other-1 instead of "):
        node.take(replace(node.settings, node="other-1"))


async def test_a_connection_to_a_broker_that_stays_is_kept(settings: Callable[..., Settings]) -> None:
    node = Node(settings("m", neighbours=BROKERS))
    assert node.broker is not None
    lost = asyncio.Event()
    node.broker.connected_to, node.broker._lost = "rabbitmq-1", lost
    node.take(settings("m", neighbours=BROKERS[:1]))
    assert not lost.is_set()
    node.take(settings("m", neighbours=BROKERS[1:]))
    assert lost.is_set()


async def test_the_process_is_asked_over_its_socket(tmp_path: Path) -> None:
    path, reasons = tmp_path / "control.sock", ["no such file", ""]

    def reread() -> None:
        if reason := reasons.pop(0):
            raise SettingsError(reason)

    async with listening(path, reread):
        assert await asyncio.to_thread(ask, str(path)) == "no such file"
        assert await asyncio.to_thread(ask, str(path)) == ""
    gone = await asyncio.to_thread(ask, str(path), 0.0)
    assert gone.startswith("the process does not answer: ")


async def test_who_asks_waits_for_a_process_that_starts(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    asked = asyncio.create_task(asyncio.to_thread(ask, str(path), 5.0))
    await asyncio.sleep(0.2)
    async with listening(path, lambda: None):
        assert await asked == ""
