"""Bare connections: each port has one outcome, and what broke on our side is never taken for closed."""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labgen_probe import sweep
from labgen_probe.ports import pack, unpack

HERE = "127.0.0.1"
#: Nobody can be connected to a broadcast address: the kernel says so at once.
NOWHERE = "127.255.255.255"
PORTS = st.sets(st.integers(1, 65535), max_size=40)


def swept(seconds: float = 5, **target: Any) -> dict[str, Any]:
    (result,) = sweep.answer({"seconds": seconds, "targets": [{"address": HERE, **target}]})["results"]
    found: dict[str, Any] = result
    return found


@contextmanager
def bound(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((HERE, 0))
        yield one, one.getsockname()[1]


def test_open_and_refused() -> None:
    with bound() as (server, port), bound() as (_, closed):
        server.listen()
        found = swept(tcp=pack({port, closed}))
        assert found == {
            "address": HERE,
            "tcp": {"open": str(port), "refused": str(closed)},
            "udp": {},
            "faults": {},
        }
        # It is reset, so that the server has nothing left of it.
        connection, _ = server.accept()
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_nobody_answers() -> None:
    """A server whose queue is full: the kernel drops whoever comes."""
    with bound() as (server, port), socket.socket() as first:
        server.listen(0)
        first.connect((HERE, port))
        assert swept(0.05, tcp=str(port))["tcp"] == {"timeout": str(port)}


def test_no_way_there() -> None:
    assert swept(address=NOWHERE, tcp="1-2000", ttl=1)["tcp"] == {"unreachable": "1-2000"}


def test_results_are_in_the_order_of_the_targets() -> None:
    asked = ["127.0.0.3", NOWHERE, "127.0.0.1", "127.0.0.3"]
    results = sweep.answer({"targets": [{"address": one, "tcp": "1"} for one in asked]})["results"]
    assert [one["address"] for one in results] == asked
    assert sweep.answer({"targets": []}) == {"results": []}


def test_udp() -> None:
    with (
        bound(socket.SOCK_DGRAM) as (_, silent),
        bound(socket.SOCK_DGRAM) as (gone, closed),
        bound(socket.SOCK_DGRAM) as (talker, port),
    ):
        gone.close()
        talker.settimeout(10)
        heard = []

        def echo() -> None:
            said, client = talker.recvfrom(10)
            heard.append(said)
            talker.sendto(b"", client)

        thread = threading.Thread(target=echo)
        thread.start()
        found = swept(udp=pack({silent, closed, port}))
        thread.join()
    assert found["udp"] == {"refused": str(closed), "silent": str(silent), "open": str(port)}
    assert heard == [b"\0"]


@given(st.lists(st.tuples(PORTS, PORTS), max_size=3))
@settings(max_examples=25, deadline=None)
def test_every_port_has_exactly_one_outcome(asked: list[tuple[set[int], set[int]]]) -> None:
    """Whatever this machine has open."""
    targets = [{"address": HERE, "tcp": pack(tcp), "udp": pack(udp)} for tcp, udp in asked]
    with mock.patch.object(sweep, "_GRACE", 0.02):
        results = sweep.answer({"seconds": 0.2, "targets": targets})["results"]
    for (tcp, udp), result in zip(asked, results, strict=True):
        assert sorted(port for text in result["tcp"].values() for port in unpack(text)) == sorted(tcp)
        assert sorted(port for text in result["udp"].values() for port in unpack(text)) == sorted(udp)


def test_a_refusal_really_leaves_the_socket_as_new() -> None:
    """What the reuse of a socket rests upon, asked of this kernel."""
    with socket.socket() as probe, bound() as (server, port), bound() as (_, closed):
        server.listen()
        probe.setblocking(False)
        for _ in range(3):
            code = probe.connect_ex((HERE, closed))
            if code == errno.EINPROGRESS:
                code = probe.connect_ex((HERE, closed))
            assert code == errno.ECONNREFUSED
            assert probe.connect_ex((NOWHERE, closed)) == errno.ENETUNREACH
        assert probe.connect_ex((HERE, port)) in (0, errno.EINPROGRESS)


class Late(socket.socket):
    """A socket whose answer is there, but is told only to those who wait for it."""

    asked = told = False

    def connect_ex(self, address: Any) -> int:
        if not self.asked:
            self.asked = True
            assert super().connect_ex(address) in (0, errno.EINPROGRESS)
        return errno.EALREADY

    def getsockopt(self, *what: int) -> Any:
        if not self.told and what == (socket.SOL_SOCKET, socket.SO_ERROR):
            self.told = True
            return 0
        return super().getsockopt(*what)


def test_answers_that_have_to_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with bound() as (server, port), bound() as (_, closed), monkeypatch.context() as patch:
        server.listen()
        patch.setattr(socket, "socket", Late)
        found = swept(tcp=pack({port, closed}))
    assert found["tcp"] == {"open": str(port), "refused": str(closed)}


def test_whoever_answered_in_time_is_heard_however_late_we_look(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1_000_000, 100))
    with bound() as (server, port), monkeypatch.context() as patch:
        server.listen()
        patch.setattr(socket, "socket", Late)
        patch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        found = swept(tcp=str(port))
    assert found["tcp"] == {"open": str(port)}


def test_not_more_at_once_than_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = set(), []

    class Counted(socket.socket):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            alive.add(self.fileno())
            most.append(len(alive))

        def close(self) -> None:
            alive.discard(self.fileno())
            super().close()

    monkeypatch.setattr(sweep, "_AT_ONCE", 3)
    monkeypatch.setattr(sweep, "_GRACE", 0.01)
    with bound(socket.SOCK_DGRAM) as (_, port), monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Counted)
        rows = [{"address": f"127.0.0.{last}", "udp": str(port)} for last in (1, 1, 1, 1, 1, 1, 1)]
        results = sweep.answer({"targets": rows})["results"]
    assert [one["udp"] for one in results] == [{"silent": str(port)}] * 7
    assert max(most) == 3
    assert not alive


def test_no_descriptor_left_is_our_own_fault() -> None:
    """One is left, and the sweep's own epoll takes it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    with bound() as (server, port):
        server.listen()
        free = os.dup(server.fileno())
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + 8, hard))
            with suppress(OSError):
                while True:
                    held.append(os.dup(server.fileno()))
            os.close(free)
            found = swept(tcp=f"1-2,{port}", udp="9")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in held:
                os.close(one)
    assert (found["tcp"], found["udp"]) == ({"failed": pack({1, 2, port})}, {"failed": "9"})
    assert found["faults"] == {
        f"tcp {pack({1, 2, port})}": "Too many open files",
        "udp 9": "Too many open files",
    }


def test_an_answer_that_cannot_be_waited_for_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, poll: Any) -> None:
            self._poll = poll

        def register(self, *_: Any) -> None:
            raise OSError(errno.ENOSPC, "no space")

        def close(self) -> None:
            self._poll.close()

    epoll = select.epoll
    monkeypatch.setattr(select, "epoll", lambda: Full(epoll()))
    with bound(socket.SOCK_DGRAM) as (_, port):
        found = swept(udp=str(port))
    assert found["udp"] == {"failed": str(port)}
    assert found["faults"] == {f"udp {port}": os.strerror(errno.ENOSPC)}


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ({"address": "somewhere"}, "'somewhere' is no IPv4 address"),
        ({"address": "10.1"}, "'10.1' is no IPv4 address"),
        ({"address": None}, "'None' is no IPv4 address"),
        ({"tcp": "x"}, "invalid literal"),
        ({"udp": "0"}, "there are no ports '0'"),
        ({"ttl": 256}, "no time to live of 256"),
    ],
)
def test_a_target_that_is_none(target: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        swept(**target)
