"""Watches how the nodes of a lab are, several times a second: each node's own health check, in a loop inside.

The engine asks every ten seconds, and a program started from outside for each question costs more than the
check itself. So one small loop runs in each node as long as somebody asks it to go on: it ends when its input
ends, and when it has not been asked for some seconds, whatever ended labgen.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from docker.errors import DockerException

from labgen.engine.frames import Conversation
from labgen.engine.once import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from labgen.engine.client import Engine

__all__ = ["Sign", "Watchers", "pause_of"]

#: Says `exit code, milliseconds, first line` of each round; its arguments: seconds between rounds, seconds
#: that a check may take, seconds that it goes on unasked, the check. To be asked is needed: an engine does
#: not always close the input of a program whose output nobody takes any more.
_LOOP: Final = r"""
pause=$1 bound=$2 patience=$3 asked=0 word=
shift 3
export LC_ALL=C
if command -v timeout >/dev/null; then set -- timeout -k 1 "$bound" "$@"; fi
while ((SECONDS - asked < patience)); do
    began=${EPOCHREALTIME/[.,]/}
    said=$("$@" 2>&1 </dev/null)
    code=$?
    took=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
    said=${said%%$'\n'*}
    printf '%d %d %s\n' "$code" "$took" "${said:0:500}" || exit
    read -r -t "$pause" piece
    over=$?
    word+=$piece
    # The pause may end amid a word: the rest of it comes in the next one.
    if ((over > 128)); then continue; fi
    if ((over > 0)) || [ "$word" != on ]; then exit 0; fi
    asked=$SECONDS word=
done
"""
_SAID: Final = re.compile(rb"(\d+) (\d+) (.*)")
_PAUSE: Final = 0.5  # seconds between two checks of a node
_SHARE: Final = 0.04  # seconds of pause per node: a check takes some 15 ms of a processor
_MANY: Final = 25  # nodes of a lab from which on a check takes longer: each has more neighbours to ask
_PATIENCE: Final = 15.0  # seconds that a loop goes on without being asked to, and a check's time
_ASK: Final = 3.0  # seconds between two times that it is asked
_LONG: Final = 86400.0  # seconds; a conversation ends when it is closed
_AGAIN: Final = 1.0  # seconds until a node is asked again that could not be
_LEAVE: Final = 8.0  # seconds that the loops have to end: the longest check, and a little
_NO_BOUND: Final = 30.0  # the engine's, for a check that names none


@dataclass(frozen=True, slots=True)
class Sign:
    """One round of a node's health check, in monotonic seconds: when it began, and when it was heard of.

    `said` is the first line of what it said; or why there is no check to listen to, which is not well.
    """

    node: str
    began: float
    at: float
    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class _Check:
    """A container's health check as a command, and the seconds that it may take."""

    command: tuple[str, ...]
    seconds: float


def pause_of(watched: int, nodes: int) -> float:
    """Return the seconds between two checks of a node of which so many are watched, in a lab of `nodes`.

    So that the lab is not busy with its checks alone: what a drill measures would be that.
    """
    return max(_PAUSE, _SHARE * watched * max(1.0, nodes / _MANY))


class Watchers(AbstractContextManager["Watchers"]):
    """Listens to the nodes of a lab for as long as the context lasts.

    `containers` is by node, `pause` the seconds between two checks of each.
    """

    def __init__(self, engine: Engine, containers: Mapping[str, str], pause: float) -> None:
        self._api = engine.sdk.api
        self._pause = pause
        self._signs: queue.SimpleQueue[Sign] = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._lock = threading.Lock()
        self._talks: dict[str, Conversation] = {}
        self._threads = [
            threading.Thread(target=self._watch, args=one, name=f"watch {one[0]}", daemon=True)
            for one in containers.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._leaving.set()
            talks = list(self._talks.values())
        for talk in talks:
            with suppress(OSError):
                talk.send(b"end")
        deadline = time.monotonic() + _LEAVE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = list(self._talks.values())
        for talk in left:
            talk.close()

    def hear(self, seconds: float) -> Sign | None:
        """Return the next sign of any node, None when there was none within `seconds`."""
        try:
            return self._signs.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            return None

    def _watch(self, node: str, container: str) -> None:
        """Follow one node until the end; whatever ends its loop is a sign too, and it is begun anew."""
        while not self._leaving.is_set():
            try:
                check = _check_of(self._api.inspect_container(container))
                if check is None or not self._listen(node, container, check):
                    self._follow(node, container)
            except (DockerException, requests.RequestException, OSError, EOFError) as error:
                if not self._leaving.is_set():
                    reason = words_of(error)
                    self._tell(node, well=False, said=f"its health check cannot be asked: {reason}")
                    self._leaving.wait(_AGAIN)

    def _tell(self, node: str, *, well: bool, said: str, took: float = 0.0) -> None:
        now = time.monotonic()
        self._signs.put(Sign(node, now - took, now, well, said))

    def _listen(self, node: str, container: str, check: _Check) -> bool:
        """Run the loop in `container` and tell what it says; False when there is no shell to run it."""
        bounds = (f"{self._pause:g}", f"{check.seconds:g}", f"{check.seconds + _PATIENCE:.0f}")
        created = self._api.exec_create(
            container,
            ["bash", "-c", _LOOP, "labgen-watch", *bounds, *check.command],
            stdin=True,
            stderr=False,
        )
        talk = Conversation(self._api.exec_start(created["Id"], socket=True), time.monotonic() + _LONG)
        asked: float | None = None
        try:
            with self._lock:
                self._talks[node] = talk
                if self._leaving.is_set():
                    return True
            while found := _SAID.fullmatch(talk.line()):
                self._tell_round(node, check, found)
                now = time.monotonic()
                if asked is None or now - asked >= _ASK:
                    talk.send(b"on")
                    asked = now
        except EOFError:
            if asked is not None:
                raise EOFError("its container stopped, or the loop in it was ended") from None
        finally:
            with self._lock:
                self._talks.pop(node, None)
            talk.close()
        return asked is not None

    def _tell_round(self, node: str, check: _Check, found: re.Match[bytes]) -> None:
        code, took = int(found[1]), int(found[2]) / 1000
        said = found[3].decode("utf-8", "replace").strip()
        if code and not said:
            over = took >= check.seconds
            said = f"no answer within {check.seconds:g} s" if over else f"exit code {code}"
        self._tell(node, well=code == 0, said=said, took=took)

    def _follow(self, node: str, container: str) -> None:
        """Tell what the engine's own checks of a node say: it is no Debian of ours, so nothing runs in it."""
        told: str | None = None
        while not self._leaving.is_set():
            state = self._api.inspect_container(container)["State"]
            log = (state.get("Health") or {}).get("Log") or []
            if not state.get("Running"):
                raise EOFError("its container stopped")
            if not state.get("Health"):
                self._tell(node, well=True, said="it runs; it has no health check")
            elif log and log[-1]["Start"] != told:
                last = log[-1]
                lines = str(last.get("Output", "")).strip().splitlines() or [""]
                # The first one may be of any age: it says how the node is, and nothing of when.
                took = time.monotonic() if told is None else _took(last) + _AGAIN
                self._tell(node, well=last.get("ExitCode") == 0, said=lines[0][:500], took=took)
                told = str(last["Start"])
            self._leaving.wait(_AGAIN)


def _took(check: Mapping[str, Any]) -> float:
    """Return the seconds that a check took, as the engine noted them."""
    started, ended = (datetime.fromisoformat(str(check[end])) for end in ("Start", "End"))
    return max((ended - started).total_seconds(), 0.0)


def _check_of(details: Mapping[str, Any]) -> _Check | None:
    """Return a container's health check; None when it has none."""
    health = details["Config"].get("Healthcheck") or {}
    kind, *words = health.get("Test") or ["NONE"]
    if kind == "NONE" or not words:
        return None
    command = tuple(map(str, words)) if kind == "CMD" else ("/bin/sh", "-c", str(words[0]))
    return _Check(command, (health.get("Timeout") or 0) / 1e9 or _NO_BOUND)
