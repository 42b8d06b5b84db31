"""Stopping and starting nodes."""

from __future__ import annotations

import threading

import pytest

from labgen.engine.power import turn
from labgen.errors import LabgenError, NotReady
from tests.unit.engine.world import Heard, World, container, refusal


@pytest.fixture
def lab(world: World) -> World:
    world.containers = [container("lab", name) for name in ("api-1", "m-1", "ui-1")]
    return world


@pytest.mark.parametrize("action", ["stop", "start", "restart"])
def test_only_the_nodes_that_were_named(lab: World, heard: Heard, action: str) -> None:
    turn(lab.engine, "lab", action, ["api-1", "m-1"], timeout=1, emit=heard)
    assert sorted(lab.calls) == [(action, "id-api-1"), (action, "id-m-1")]
    assert "ui-1 healthy" not in heard.lines
    assert ("api-1 healthy" in heard.lines) is (action != "stop")


def test_all_at_once(lab: World, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3)
    monkeypatch.setattr(World, "did", lambda _self, *_call: together.wait(20))
    turn(lab.engine, "lab", "stop", ["api-1", "m-1", "ui-1"], timeout=1)


def test_what_the_engine_refuses(lab: World) -> None:
    lab.refused = {
        ("start", "id-api-1"): refusal("port is already allocated"),
        ("start", "id-ui-1"): refusal("no such network"),
    }
    with pytest.raises(LabgenError) as caught:
        turn(lab.engine, "lab", "start", ["api-1", "m-1", "ui-1"], timeout=1)
    assert caught.value.exit_code == 1
    assert caught.value.message.splitlines() == [
        *("the engine refuses to start:", "  api-1: port is already allocated", "  ui-1: no such network"),
    ]


def test_health_is_waited_for_or_not(lab: World) -> None:
    lab.containers[0] = container("lab", "api-1", "running", "Up 1 second (health: starting)")
    turn(lab.engine, "lab", "restart", ["api-1"], timeout=0.01, wait=False)
    with pytest.raises(NotReady, match=r"^1 node is not healthy after 0 s\napi-1: starting"):
        turn(lab.engine, "lab", "restart", ["api-1"], timeout=0.01)


def test_a_node_that_went_meanwhile_is_a_message(lab: World) -> None:
    """Another labgen took the lab down while this one waited for the lock."""
    with pytest.raises(LabgenError, match=r"gone-1"):
        turn(lab.engine, "lab", "stop", ["gone-1"], timeout=1)
