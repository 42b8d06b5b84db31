"""What an error of a socket says: a statement about the target, or a trouble of our own."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any

import pytest
from labgen_probe.sockets import IP_RECVERR
from labgen_probe.verdict import reason, verdict

HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, "open"),
        (errno.ECONNRESET, "open"),
        (errno.EPIPE, "open"),
        (errno.ECONNREFUSED, "refused"),
        (errno.EPERM, "refused"),
        (errno.EACCES, "refused"),
        (errno.ENETUNREACH, "unreachable"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.EHOSTDOWN, "unreachable"),
        (errno.ENETDOWN, "unreachable"),
        (errno.ENONET, "unreachable"),
        (errno.ENOPROTOOPT, "unreachable"),
        (errno.ETIMEDOUT, "timeout"),
        (errno.EMFILE, "failed"),
        (errno.ENFILE, "failed"),
        (errno.ENOBUFS, "failed"),
        (errno.ENOMEM, "failed"),
        (errno.EADDRINUSE, "failed"),
        (errno.EAGAIN, "failed"),
        (errno.EINVAL, "failed"),
        (errno.ECONNABORTED, "failed"),
        (errno.EALREADY, "failed"),
    ],
)
def test_every_error_has_its_meaning(code: int, outcome: str) -> None:
    with socket.socket() as probe:
        assert verdict(code, probe, HERE) == outcome


def test_whatever_is_not_known_is_a_trouble_of_our_own() -> None:
    with socket.socket() as probe:
        known = {code for code in errno.errorcode if verdict(code, probe, HERE) != "failed"}
    assert len(known) == 12
    assert reason(errno.EMFILE) == os.strerror(errno.EMFILE)


class Noted(socket.socket):
    """A socket with a message in its error queue."""

    own, notes = "10.0.0.2", b""

    def recvmsg(self, *_: Any) -> Any:
        if not self.notes:
            raise BlockingIOError
        return b"", [(socket.IPPROTO_IP, IP_RECVERR, self.notes)], 0, None

    def getsockname(self) -> Any:
        return self.own, 40000


def icmp(kind: int, code: int, sender: str, origin: int = 2) -> bytes:
    """Make a struct sock_extended_err with the address of who sent the message."""
    fixed = struct.pack("=IBBBBII", errno.EHOSTUNREACH, origin, kind, code, 0, 0, 0)
    return fixed + struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(sender))


@pytest.mark.parametrize(
    ("notes", "outcome"),
    [
        (icmp(3, 13, "10.0.0.2"), "refused"),  # our own rules: communication prohibited
        (icmp(3, 10, "10.0.0.2"), "refused"),
        (icmp(3, 13, "10.0.0.9"), "unreachable"),  # the other end's
        (icmp(3, 1, "10.0.0.2"), "unreachable"),  # nobody has that address
        (icmp(11, 0, "10.0.0.2"), "unreachable"),
        (icmp(3, 13, "10.0.0.2", origin=1), "unreachable"),
        (b"short", "unreachable"),
        (b"", "unreachable"),
    ],
)
def test_who_said_that_it_is_prohibited(notes: bytes, outcome: str) -> None:
    with Noted() as probe:
        probe.notes = notes
        assert verdict(errno.EHOSTUNREACH, probe, "10.0.0.9") == outcome


def test_no_address_to_ask_from_is_not_no_port_to_ask_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        assert verdict(errno.EADDRNOTAVAIL, probe, HERE) == "failed"
        assert reason(errno.EADDRNOTAVAIL) == "no local port is left"
        monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.EADDRNOTAVAIL, raising=False)
        assert verdict(errno.EADDRNOTAVAIL, probe, HERE) == "unreachable"

    def none_left(*_: Any) -> None:
        raise OSError(errno.EMFILE, "none left")

    with socket.socket() as probe:
        monkeypatch.setattr(socket, "socket", none_left)
        assert verdict(errno.EADDRNOTAVAIL, probe, HERE) == "failed"
