"""What a sweep makes of what the kernel says: the kernel is a script here, and sends nothing."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labgen_probe import sweep
from labgen_probe.ports import pack, unpack

HERE = "127.0.0.1"


class Scripted(socket.socket):
    """A socket that sends nothing: the script says what becomes of a port. `made` counts them."""

    script: dict[int, list[int]] = {}
    made = 0

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        Scripted.made += 1

    def connect_ex(self, address: Any) -> int:
        codes = self.script.get(address[1], [0])
        return codes.pop(0) if len(codes) > 1 else codes[0]

    def connect(self, address: Any) -> None:
        if code := self.connect_ex(address):
            raise OSError(code, os.strerror(code))


def scripted(script: dict[int, list[int]], **target: Any) -> dict[str, Any]:
    with (
        mock.patch.object(socket, "socket", Scripted),
        mock.patch.multiple(Scripted, script=script, made=0),
    ):
        request = {"seconds": 0.01, "targets": [{"address": HERE, **target}]}
        (found,) = sweep.answer(request)["results"]
        return {**found, "made": Scripted.made}


REFUSED = [errno.EINPROGRESS, errno.ECONNREFUSED]


@given(
    st.dictionaries(
        st.integers(1, 65535),
        st.sampled_from([*errno.errorcode, 0]).flatmap(
            lambda code: st.sampled_from([[code], [errno.EINPROGRESS, code]])
        ),
        max_size=30,
    )
)
@settings(max_examples=50, deadline=None)
def test_whatever_the_kernel_says_there_is_one_outcome_and_every_fault_has_its_reason(
    script: dict[int, list[int]],
) -> None:
    found = scripted({port: list(codes) for port, codes in script.items()}, tcp=pack(script))
    groups = {outcome: set(unpack(text)) for outcome, text in found["tcp"].items()}
    assert sorted(port for ports in groups.values() for port in ports) == sorted(script)
    explained = {port for text in found["faults"] for port in unpack(text.removeprefix("tcp "))}
    assert explained == groups.get("failed", set())
    assert groups.get("open", set()) <= {
        port for port, codes in script.items() if codes[-1] in (0, errno.ECONNRESET, errno.EPIPE)
    }


def test_one_socket_is_refused_many_times() -> None:
    found = scripted({port: [*REFUSED] for port in range(1, 2001)}, tcp="1-2000")
    assert found["tcp"] == {"refused": "1-2000"}
    assert found["made"] == 1


def test_a_socket_that_was_not_refused_is_not_used_again() -> None:
    script = {
        1: [*REFUSED],
        2: [errno.EHOSTUNREACH],
        3: [*REFUSED],
        4: [0],
        5: [errno.ENETUNREACH],
        6: [*REFUSED],
    }
    found = scripted(script, tcp="1-6")
    assert found["tcp"] == {"refused": "1,3,6", "unreachable": "2,5", "open": "4"}
    assert found["made"] == 3


def test_what_only_the_error_of_the_socket_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ICMP message that came while connect still ran does not end it."""
    told = {1: errno.EHOSTUNREACH, 2: errno.ECONNREFUSED, 3: errno.ENOBUFS}
    at: list[int] = []

    def error(*_: object) -> int:
        return told[at[-1]]

    def connect(_probe: Scripted, address: Any) -> int:
        at.append(address[1])
        return errno.EINPROGRESS if at.count(address[1]) == 1 else errno.EALREADY

    monkeypatch.setattr(Scripted, "connect_ex", connect)
    monkeypatch.setattr(Scripted, "getsockopt", error, raising=False)
    found = scripted({}, tcp="1-3")
    assert found["tcp"] == {"unreachable": "1", "refused": "2", "failed": "3"}
    assert found["faults"] == {"tcp 3": os.strerror(errno.ENOBUFS)}


def test_the_time_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watched(socket.socket):
        def connect_ex(self, address: Any) -> int:
            seen.append((address[1], self.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)))
            return errno.ENETUNREACH

        def connect(self, address: Any) -> None:
            raise OSError(self.connect_ex(address), "no")

    monkeypatch.setattr(socket, "socket", Watched)
    rows = [{"address": HERE, "tcp": "1", "udp": "2", "ttl": 1}, {"address": HERE, "tcp": "3"}]
    sweep.answer({"targets": rows})
    limits = dict(seen)
    assert (limits[1], limits[2]) == (1, 1)
    assert limits[3] > 1


def test_datagrams_that_our_own_rules_do_not_let_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(_probe: socket.socket, _said: bytes) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Scripted, "send", send, raising=False)
    assert scripted({9: [0]}, udp="9")["udp"] == {"refused": "9"}


@pytest.mark.parametrize("code", [errno.ENOBUFS, errno.EAGAIN])
def test_datagrams_that_were_not_sent(code: int) -> None:
    found = scripted({9: [code], 10: [errno.ENETUNREACH]}, udp="9-10")
    assert found["udp"] == {"failed": "9", "unreachable": "10"}
    assert found["faults"] == {"udp 9": os.strerror(code)}


def test_no_local_port_left_is_our_own_fault() -> None:
    found = scripted({7: [errno.EADDRNOTAVAIL], 9: [0]}, tcp="7")
    assert found["tcp"] == {"failed": "7"}
    assert found["faults"] == {"tcp 7": "no local port is left"}


def test_a_port_that_nobody_got_to_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep._Sweep, "send", lambda *_: None)
    found = scripted({}, udp="9-12")
    assert found["udp"] == {"failed": "9-12"}
    assert found["faults"] == {"udp 9-12": "it was not asked"}
