"""VRRP between two probes: a message and the same one back, a refusal, and silence."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from labgen_stub.wire import Misuse, Target, vrrp
from labgen_stub.wire.outcome import Outcome, question
from labgen_stub.wire.vrrp import Exchange, advertisement

pytestmark = pytest.mark.anyio
HERE = "127.0.0.1"
NUMBER = b"\1\2\3\4"


class Wire:
    """Stands for a raw socket: what is sent to it comes with a header of IP; the other end is another one."""

    def __init__(self, own: socket.socket, other: str = HERE) -> None:
        self.own, self.other = own, other
        self.sent: list[bytes] = []
        self.fault: OSError | None = None
        self.refused: OSError | None = None

    def setsockopt(self, *_: int) -> None:
        pass

    def fileno(self) -> int:
        return self.own.fileno()

    def recv(self, size: int) -> bytes:
        packet = self.own.recv(size)
        if not packet:
            self.own.close()
            raise OSError(errno.EBADF, "closed")
        if self.refused:
            raise self.refused
        return packet

    def recvmsg(self, *_: int) -> tuple[bytes]:
        return (self.sent[-1],)

    def sendto(self, message: bytes, place: tuple[str, int]) -> int:
        if self.fault:
            raise self.fault
        self.sent.append(message)
        return self.own.send(header(HERE, place[0]) + message)


def header(source: str, destination: str) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 255, 112, 0) + ends


@contextmanager
def two() -> Iterator[tuple[Wire, Exchange, Wire]]:
    """An exchange, and the one that it asks."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near, far = Wire(here), Wire(there)
    exchanges = [Exchange(near), Exchange(far)]  # type: ignore[arg-type]  # as much of a socket as it uses
    threads = [threading.Thread(target=one.serve, daemon=True) for one in exchanges]
    for thread in threads:
        thread.start()
    yield near, exchanges[0], far
    for end in (here, there):
        end.shutdown(socket.SHUT_RDWR) if end.fileno() >= 0 else None
    for thread in threads:
        thread.join(5)
    for end in (here, there):
        end.close()


def test_a_message_is_an_advertisement_with_its_checksum() -> None:
    """Of the message alone: netfilter takes every other one for damaged, and refuses it in silence."""
    message = advertisement(1, NUMBER)
    assert len(message) == 20
    assert message[:4] == bytes([0x21, 255, 1, 1]), "of a router that nobody serves, of the lowest priority"
    total = sum(struct.unpack("!10H", message))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


async def test_what_comes_back_was_spoken() -> None:
    with two() as (_, exchange, far):
        assert await asyncio.wait_for(exchange.ask(HERE), 5) == HERE
        assert len(far.sent) == 1


async def test_what_is_not_ours_is_passed_over() -> None:
    with two() as (near, exchange, far):
        for packet in (b"", b"\x45", header(HERE, HERE) + bytes(12), header(HERE, HERE)[:10]):
            if packet:
                near.own.send(packet)
        assert await asyncio.wait_for(exchange.ask(HERE), 5) == HERE
        assert len(far.sent) == 1


async def test_what_this_node_does_not_let_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with two() as (near, exchange, _):
        near.fault = PermissionError(errno.EPERM, "Operation not permitted")
        monkeypatch.setattr(vrrp, "_exchanges", [exchange])
        result = await question(Target("vrrp", HERE, 112, transport="vrrp"), 5)
    assert (result.outcome, result.evidence) == (Outcome.UNREACHABLE, "[Errno 1] Operation not permitted")


async def test_what_the_peer_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with two() as (near, exchange, _):
        near.refused = OSError(errno.EHOSTUNREACH, "No route to host")
        monkeypatch.setattr(vrrp, "_exchanges", [exchange])
        result = await question(Target("vrrp", HERE, 112, transport="vrrp"), 5)
    assert result.outcome is Outcome.UNREACHABLE


async def test_silence_is_a_timeout_and_nobody_tries_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with two() as (_, exchange, far):
        far.fault = OSError(errno.EPERM, "the answer is lost")
        monkeypatch.setattr(vrrp, "_exchanges", [exchange])
        result = await question(Target("vrrp", HERE, 112, transport="vrrp"), 0.2)
    assert (result.outcome, result.evidence) == (Outcome.TIMEOUT, "no answer within 0.2 s")


async def test_a_program_without_the_socket_cannot_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vrrp, "_exchanges", [])
    with pytest.raises(Misuse):
        await vrrp.speak(Target("vrrp", HERE, 112))
