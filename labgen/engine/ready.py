"""Waits until every node is healthy: by the engine's events, bounded, and telling on the way."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from docker.errors import DockerException

from labgen.engine.events import Emit, Event, Subject
from labgen.engine.observe import NodeState, NodeStatus, diagnose, observe
from labgen.errors import NotReady, first_line
from labgen.names import Label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from labgen.engine.client import Engine

__all__ = ["Watch", "wait_ready"]

_LOOK_AGAIN: Final = 2.0  # seconds: an event may be lost when the engine restarts, a state is not
_SETTLED: Final = {NodeState.HEALTHY, NodeState.UNHEALTHY, NodeState.RESTARTING}
_STATES: Final = {
    "create": "created",
    "start": "starting",
    "die": "stopped",
    "health_status: healthy": "healthy",
    "health_status: unhealthy": "unhealthy",
}


class Watch(AbstractContextManager["Watch"]):
    """Follows the engine's events for one lab in a thread, and passes node states on."""

    def __init__(self, engine: Engine, lab: str, emit: Emit) -> None:
        self._stream = engine.sdk.api.events(
            decode=True, filters={"type": "container", "label": f"{Label.LAB}={lab}"}
        )
        self._emit = emit
        self._states: dict[str, str] = {}
        self._changed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The stream's own clean-up fails when the engine is gone: it is over anyway.
        with suppress(Exception):
            self._stream.close()

    def forget(self) -> None:
        """Let only what the events say from now on count."""
        self._states.clear()

    def wait_healthy(self, nodes: Sequence[str], seconds: float) -> None:
        """Return when the events said of each of `nodes` that it is healthy, or after `seconds`.

        To listen costs nothing; to ask the engine for every change would slow down the start itself.
        """
        deadline = time.monotonic() + seconds
        while any(self._states.get(name) != NodeState.HEALTHY for name in nodes):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            with suppress(queue.Empty):
                self._changed.get(timeout=left)

    def _follow(self) -> None:
        with suppress(Exception):  # the stream ends by an error when it is closed
            for event in self._stream:
                self._pass_on(event)

    def _pass_on(self, event: dict[str, Any]) -> None:
        state = _STATES.get(str(event.get("Action", "")))
        name = event.get("Actor", {}).get("Attributes", {}).get(Label.NODE)
        if state and name:
            self._emit(Event(Subject.NODE, name, state))
            self._states[name] = state
            self._changed.put(None)


def wait_ready(
    engine: Engine, lab: str, nodes: Sequence[str], watch: Watch, timeout: float, emit: Emit
) -> None:
    """Return when each of `nodes` is healthy.

    Raises NotReady after `timeout` seconds, with each node that is not, its last health output and its
    last log lines.
    """
    deadline = time.monotonic() + timeout
    while True:
        watch.forget()  # what the events said before a look is older than the look
        found, trouble = _look(engine, lab)
        late = [name for name in nodes if name not in found or found[name].state is not NodeState.HEALTHY]
        for name in nodes:
            # Events tell the way; a look is older than they are by the time it is told, but health holds.
            if name in found and found[name].state in _SETTLED:
                emit(Event(Subject.NODE, name, found[name].state))
        if not late:
            return
        left = deadline - time.monotonic()
        if left <= 0 and trouble:
            raise NotReady(
                f"the Docker engine does not answer any more: {trouble}", "`labgen doctor` says more."
            )
        if left <= 0:
            raise _not_ready(engine, lab, [found.get(name) or _absent(name) for name in late], timeout)
        watch.wait_healthy(late, min(left, _LOOK_AGAIN))


def _look(engine: Engine, lab: str) -> tuple[dict[str, NodeStatus], str]:
    """Return the lab's nodes; or none and why: the engine may be restarting, and is then asked again."""
    try:
        return observe(engine, lab), ""
    except (requests.RequestException, DockerException) as error:
        return {}, first_line(error)


def _absent(name: str) -> NodeStatus:
    return NodeStatus(name, "", "", False, NodeState.MISSING, "", "", "", "", (), ())


def _not_ready(engine: Engine, lab: str, late: Sequence[NodeStatus], timeout: float) -> NotReady:
    count = f"{len(late)} node{'s are' if len(late) > 1 else ' is'}"
    reports = "\n".join(diagnose(engine, one) if one.container else f"{one.name}: missing" for one in late)
    return NotReady(
        f"{count} not healthy after {timeout:.0f} s\n{reports}",
        f"The lab is left as it is. `labgen logs --lab {lab} {late[0].name}` shows more, "
        f"`labgen up {lab}` tries again, `labgen down {lab}` removes it.",
    )
