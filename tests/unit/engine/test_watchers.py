"""The loop in each node says what its health check says, and never outlives whoever asked for it.

A container here is this machine: what would run in it is a real process, and only the way to it is not real.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, NotFound

from labgen.engine import watchers
from labgen.engine.client import Engine
from labgen.engine.watchers import Sign, Watchers, pause_of

SECONDS = 20
PAUSE = 0.02
SECOND = 10**9


def script(*check: str, pause: str = "0.02", bound: str = "5", patience: str = "60") -> list[str]:
    return ["bash", "-c", watchers._LOOP, "labgen-watch", pause, bound, patience, *check]


@dataclass
class Machine:
    """The engine's side: one container whose health check is `test`. `shell` is what stands for bash."""

    test: list[str] | None
    timeout: int = 5 * SECOND
    shell: str = "bash"
    state: dict[str, Any] = field(default_factory=lambda: {"Running": True})
    gone: bool = False
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return cast("Engine", SimpleNamespace(sdk=SimpleNamespace(api=self)))

    def inspect_container(self, name: str) -> dict[str, Any]:
        assert name == "id-a"
        if self.gone:
            raise NotFound("gone", explanation="No such container: id-a")
        health = {"Test": self.test, "Timeout": self.timeout} if self.test is not None else None
        return {"Config": {"Healthcheck": health}, "State": self.state}

    def exec_create(self, name: str, command: list[str], *, stdin: bool, stderr: bool) -> dict[str, str]:
        assert (name, stdin, stderr) == ("id-a", True, False)
        if self.gone:
            raise APIError("409", explanation="container id-a is not running")
        self.commands.append(command)
        return {"Id": str(len(self.commands) - 1)}

    def exec_start(self, identity: str, *, socket: bool) -> Any:
        assert socket
        command = self.commands[int(identity)]
        here, there = _pair()
        if self.shell == "bash":
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.started.append(process)
            self._join(lambda: _copy_in(there, process), lambda: _copy_out(there, process))
        else:
            there.sendall(_frame(b'OCI runtime exec failed: exec: "bash": executable file not found\r'))
            there.close()
        return here

    def _join(self, *ways: Callable[[], None]) -> None:
        for way in ways:
            thread = threading.Thread(target=way)
            thread.start()
            self.threads.append(thread)

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait(SECONDS)
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive()


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def _frame(data: bytes) -> bytes:
    return struct.pack(">BxxxL", 1, len(data)) + data


def _copy_in(there: socket.socket, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        while data := there.recv(4096):
            process.stdin.write(data)
            process.stdin.flush()
    with suppress(OSError):
        process.stdin.close()


def _copy_out(there: socket.socket, process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    with process.stdout as out, there, suppress(OSError):
        while data := os.read(out.fileno(), 4096):
            there.sendall(_frame(data))
        process.wait(SECONDS)
        there.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_AGAIN", "_ASK"):
        monkeypatch.setattr(watchers, name, 0.02)


@pytest.fixture
def machine() -> Iterator[Machine]:
    found = Machine(["CMD", "true"])
    yield found
    found.stop()


def signs(machine: Machine, number: int = 1) -> list[Sign]:
    """Return what is heard of node `a`, so often."""
    with Watchers(machine.engine, {"a": "id-a"}, PAUSE) as listening:
        return [sign for sign in (listening.hear(SECONDS) for _ in range(number)) if sign]


def test_a_node_that_is_well(machine: Machine) -> None:
    machine.test = ["CMD", "echo", "port 80", "answers"]
    found = signs(machine, 3)
    assert [(one.node, one.well, one.said) for one in found] == [("a", True, "port 80 answers")] * 3
    assert all(one.began <= one.at for one in found)
    assert [one.at for one in found] == sorted(one.at for one in found)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (["CMD-SHELL", "echo first; echo second >&2; exit 3"], "first"),
        (["CMD-SHELL", "echo complaint >&2; false"], "complaint"),
        (["CMD", "sh", "-c", "printf 'half a line'; exit 1"], "half a line"),
        (["CMD", "sh", "-c", "exit 7"], "exit code 7"),
        (["CMD", "sh", "-c", "printf '\\377\\n'; exit 1"], "\ufffd"),
        (["CMD", "/no/such/program"], "..."),
    ],
)
def test_a_node_that_is_not(machine: Machine, test: list[str], said: str) -> None:
    machine.test = test
    (found,) = signs(machine)
    assert not found.well
    assert (found.said == said) or (said == "..." and "/no/such/program" in found.said)


def test_a_long_line_is_cut(machine: Machine) -> None:
    machine.test = ["CMD-SHELL", "head -c 5000 /dev/zero | tr '\\0' x; exit 1"]
    (found,) = signs(machine)
    assert found.said == "x" * 500


def test_a_check_cannot_read_what_the_loop_is_asked(machine: Machine) -> None:
    machine.test = ["CMD-SHELL", "cat; echo done"]
    assert [one.said for one in signs(machine, 2)] == ["done", "done"]


def test_a_check_that_hangs_is_given_up(machine: Machine) -> None:
    machine.test, machine.timeout = ["CMD", "sleep", "60"], SECOND // 5
    (found,) = signs(machine)
    assert (found.well, found.said) == (False, "no answer within 0.2 s")
    assert 0.2 <= found.at - found.began < SECONDS


def test_when_nobody_listens_any_more_the_loop_has_ended(machine: Machine) -> None:
    before = time.monotonic()
    signs(machine)
    assert time.monotonic() - before < watchers._LEAVE, "it was told to end, not left to notice"
    (process,) = machine.started
    assert process.wait(SECONDS) == 0
    assert not [one for one in threading.enumerate() if one.name == "watch a"]


def test_it_is_asked_to_go_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds enough for more than its patience, which counts in whole seconds."""
    monkeypatch.setattr(watchers, "_PATIENCE", 1.0)  # with the check's own five seconds: six
    machine.test = ["CMD-SHELL", "cut -d. -f1 /proc/uptime"]
    with Watchers(machine.engine, {"a": "id-a"}, PAUSE) as listening:
        first = listening.hear(SECONDS)
        assert first is not None
        while (sign := listening.hear(SECONDS)) is not None and int(sign.said) < int(first.said) + 8:
            assert sign.well
    assert sign is not None
    assert len(machine.started) == 1


def test_a_word_that_comes_in_pieces_is_one() -> None:
    """On a busy machine the pause between two rounds may end amid a word."""
    with subprocess.Popen(script("true"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for piece in (b"o", b"n\n", b"on", b"\n", b"e", b"n"):
            process.stdin.write(piece)
            process.stdin.flush()
            # A round that began before it was there, and one that has seen it.
            assert [process.stdout.readline()[:2] for _ in range(3)] == [b"0 "] * 3, piece
        process.stdin.write(b"d\n")
        process.stdin.flush()
        assert process.wait(SECONDS) == 0


def test_unasked_it_ends_though_its_input_is_open() -> None:
    with subprocess.Popen(
        script("true", patience="1"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.wait(SECONDS) == 0
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"0 ")


@pytest.mark.parametrize("said", [b"", b"end\n", b"on\non\n"])
def test_it_ends_with_its_input(said: bytes) -> None:
    done = subprocess.run(
        script("echo", "well"), input=said, capture_output=True, timeout=SECONDS, check=True
    )
    assert b"well\n" in done.stdout


@pytest.mark.parametrize("restored", [True, False])
def test_it_ends_when_nobody_takes_what_it_says(restored: bool) -> None:
    """Also where the signal that usually ends such a program is ignored."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        script("true"), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, restore_signals=restored
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(SECONDS) != 0


def test_where_there_is_no_shell_the_engine_says_how_it_is(machine: Machine) -> None:
    machine.shell = "none"
    log = [moment(1, "old"), moment(2, "\nport 80 is silent\nmore", code=1)]
    machine.state["Health"] = {"Log": log}
    with Watchers(machine.engine, {"a": "id-a"}, PAUSE) as listening:
        first = listening.hear(SECONDS)
        log.append(moment(3, ""))
        second = listening.hear(SECONDS)
    assert first is not None
    assert second is not None
    assert (first.well, first.said, second.well) == (False, "port 80 is silent", True)
    assert first.began == pytest.approx(0.0, abs=1.0), "nobody knows when it was asked"
    assert second.at - second.began == pytest.approx(1.5 + watchers._AGAIN)


def moment(minute: int, said: str, code: int = 0) -> dict[str, Any]:
    """Return a check of the engine's, which took a second and a half."""
    time = f"2026-11-24T20:{minute:02}"
    return {
        "Start": f"{time}:26.794574923Z",
        "End": f"{time}:28.294574923+00:00",
        "ExitCode": code,
        "Output": said,
    }


@pytest.mark.parametrize("test", [None, [], ["NONE"]])
def test_without_a_check_a_node_that_runs_is_well(machine: Machine, test: list[str] | None) -> None:
    machine.test = test
    (found,) = signs(machine)
    assert (found.well, found.said) == (True, "it runs; it has no health check")
    assert not machine.commands


def test_a_node_that_ends_is_not_well_and_is_asked_again(machine: Machine) -> None:
    with Watchers(machine.engine, {"a": "id-a"}, PAUSE) as listening:
        first = listening.hear(SECONDS)
        assert first is not None
        assert first.well
        machine.started[0].kill()
        heard = iter(lambda: listening.hear(SECONDS), None)
        ended = next(one for one in heard if not one.well)
        again = next(heard)
    assert ended.said == (
        "its health check cannot be asked: its container stopped, or the loop in it was ended"
    )
    assert again.well


def test_a_node_that_is_gone_is_not_well(machine: Machine) -> None:
    machine.gone = True
    assert {(one.well, one.said) for one in signs(machine, 2)} == {
        (False, "its health check cannot be asked: No such container: id-a")
    }


def test_many_nodes_are_asked_less_often() -> None:
    """And each has more to ask in a lab of many: twice as many nodes of twice as many, four times as long."""
    assert pause_of(1, 25) == pytest.approx(0.5)
    assert pause_of(25, 25) == pytest.approx(1.0)
    assert pause_of(25, 50) == pytest.approx(2.0)
    assert pause_of(50, 50) == pytest.approx(4.0)


def test_nothing_is_heard_when_nobody_says_anything(machine: Machine) -> None:
    with Watchers(machine.engine, {}, PAUSE) as listening:
        assert listening.hear(0.01) is None
        assert listening.hear(-1.0) is None
