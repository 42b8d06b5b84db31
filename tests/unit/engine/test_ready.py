"""Waiting for health: bounded, by events and by looking, and telling what is wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from labgen.engine.events import Event, Subject
from labgen.engine.ready import Watch, wait_ready
from labgen.errors import LabgenError, NotReady
from labgen.names import Label
from tests.unit.engine.world import FakeApi, Heard, Stream, World, container


def event(action: str, node: str | None = "api-1") -> dict[str, object]:
    """Return an event of the engine."""
    return {"Action": action, "Actor": {"Attributes": {Label.NODE: node} if node else {}}}


def followed(world: World, heard: Heard) -> Watch:
    """Return a watch that has passed on every event there is."""
    watch = Watch(world.engine, "lab", heard)
    watch._follow()
    return watch


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("create", "created"),
        ("start", "starting"),
        ("die", "stopped"),
        ("health_status: healthy", "healthy"),
        ("health_status: unhealthy", "unhealthy"),
    ],
)
def test_events_that_tell_a_state(world: World, heard: Heard, action: str, state: str) -> None:
    world.events = [event(action)]
    followed(world, heard)
    assert heard == [Event(Subject.NODE, "api-1", state)]


def test_health_that_the_events_told_ends_the_wait(world: World, heard: Heard) -> None:
    world.events = [event("start"), event("health_status: healthy"), event("health_status: healthy", "ui-1")]
    watch = followed(world, heard)
    started = time.monotonic()
    watch.wait_healthy(["api-1", "ui-1"], 60)
    assert time.monotonic() - started < 30, "it ran into its bound"


@pytest.mark.parametrize("last", ["die", "start", "health_status: unhealthy"])
def test_health_that_was_lost_again_does_not(world: World, heard: Heard, last: str) -> None:
    world.events = [event("health_status: healthy"), event(last)]
    watch = followed(world, heard)
    started = time.monotonic()
    watch.wait_healthy(["api-1"], 0.05)
    assert time.monotonic() - started >= 0.05


def test_what_was_told_before_a_look_is_forgotten(world: World, heard: Heard) -> None:
    """Else a stream that broke would keep the engine being asked without a pause."""
    world.events = [event("health_status: healthy")]
    watch = followed(world, heard)
    watch.forget()
    started = time.monotonic()
    watch.wait_healthy(["api-1"], 0.05)
    assert time.monotonic() - started >= 0.05


def test_events_that_tell_nothing(world: World, heard: Heard) -> None:
    world.events = [event("exec_start: labgen-health"), event("start", None), {"Action": "start"}, {}]
    followed(world, heard)
    assert heard == []


def test_the_watch_ends_its_stream_and_outlives_the_engine(world: World, heard: Heard) -> None:
    world.events = [event("start")]
    with Watch(world.engine, "lab", heard) as watch:
        watch._thread.join(10)
        assert not watch._thread.is_alive()
    assert isinstance(watch._stream, Stream)
    assert watch._stream.closed
    assert heard.lines == ["api-1 starting"]


def test_ready_when_all_are_healthy(world: World, heard: Heard) -> None:
    world.containers = [container("lab", "api-1"), container("lab", "m-1")]
    wait_ready(world.engine, "lab", ["api-1", "m-1"], Watch(world.engine, "lab", heard), 1, heard)
    assert heard.lines == ["api-1 healthy", "m-1 healthy"]


def test_only_the_nodes_that_were_asked_for(world: World, heard: Heard) -> None:
    world.containers = [container("lab", "api-1"), container("lab", "m-1", "exited", "Exited (0)")]
    wait_ready(world.engine, "lab", ["api-1"], Watch(world.engine, "lab", heard), 1, heard)
    assert heard.lines == ["api-1 healthy"]


def test_looks_again_after_a_change(world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    world.containers = [container("lab", "api-1", "running", "Up 1 second (health: starting)")]
    watch = Watch(world.engine, "lab", heard)

    def healthy(_late: list[str], _seconds: float) -> None:
        world.containers = [container("lab", "api-1")]

    monkeypatch.setattr(watch, "wait_healthy", healthy)
    wait_ready(world.engine, "lab", ["api-1"], watch, 600, heard)
    assert heard.lines == ["api-1 healthy"], "an older look never overtakes the events"


def test_never_waits_longer_than_it_may(world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    waits: list[float] = []
    monkeypatch.setattr("labgen.engine.ready.time.monotonic", lambda: clock[0])
    world.containers = [container("lab", "api-1", "running", "Up 1 second (health: starting)")]
    world.inspected["id-api-1"] = {"State": {}}
    watch = Watch(world.engine, "lab", heard)

    def passing(_late: list[str], seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(watch, "wait_healthy", passing)
    with pytest.raises(NotReady, match=r"^1 node is not healthy after 5 s"):
        wait_ready(world.engine, "lab", ["api-1"], watch, 5, heard)
    assert waits == [2.0, 2.0, 1.0]


def test_the_message_names_every_node_that_is_late_and_why(world: World, heard: Heard) -> None:
    world.containers = [
        container("lab", "api-1", "running", "Up 9 seconds (unhealthy)"),
        container("lab", "ui-1"),
    ]
    log = [{"Output": "HTTP 503: mysql-1 refuses"}]
    world.inspected["id-api-1"] = {"State": {"Health": {"Log": log}}}
    world.logs["id-api-1"] = b"Access denied for user 'kinton'\n"
    watch = Watch(world.engine, "lab", heard)
    with pytest.raises(NotReady) as caught:
        wait_ready(world.engine, "lab", ["api-1", "mysql-1", "ui-1"], watch, 0, heard)
    assert caught.value.exit_code == 4
    assert caught.value.message.splitlines() == [
        "2 nodes are not healthy after 0 s",
        "api-1: unhealthy (Up 9 seconds (unhealthy))",
        "  last health check:",
        "    HTTP 503: mysql-1 refuses",
        "  last log lines:",
        "    Access denied for user 'kinton'",
        "mysql-1: missing",
    ]
    assert caught.value.hint == (
        "The lab is left as it is. `labgen logs --lab lab api-1` shows more, "
        "`labgen up lab` tries again, `labgen down lab` removes it."
    )


def test_an_engine_that_restarts_meanwhile_is_asked_again(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [requests.exceptions.ConnectionError("connection refused")]
    ask = FakeApi.containers

    def containers(self: FakeApi, **options: Any) -> list[dict[str, Any]]:
        if answers:
            raise answers.pop()
        return ask(self, **options)

    monkeypatch.setattr(FakeApi, "containers", containers)
    world.containers = [container("lab", "api-1")]
    watch = Watch(world.engine, "lab", heard)
    monkeypatch.setattr(watch, "wait_healthy", lambda _late, _seconds: None)
    wait_ready(world.engine, "lab", ["api-1"], watch, 5, heard)
    assert heard.lines == ["api-1 healthy"]


def test_an_engine_that_stays_away_is_not_called_missing_nodes(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def containers(_api: FakeApi, **_: Any) -> list[dict[str, Any]]:
        raise requests.exceptions.ConnectionError("connection refused")

    monkeypatch.setattr(FakeApi, "containers", containers)
    with pytest.raises(LabgenError) as caught:
        wait_ready(world.engine, "lab", ["api-1"], Watch(world.engine, "lab", heard), 0, heard)
    assert "engine" in caught.value.message
    assert "missing" not in caught.value.message
