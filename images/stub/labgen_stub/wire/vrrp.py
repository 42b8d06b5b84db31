"""VRRP: a message to a peer, and the same one back from the program in the peer's network namespace.

VRRP itself answers nothing: the node that has the addresses advertises, all others listen. So a probe asks
the probe in the other node: what comes back went through what lets VRRP out here and in there. The messages
are well-formed, of a virtual router that nobody serves (255) and of the lowest priority: keepalived passes
over them. The number that tells questions apart stands where an address would.

A raw socket needs a right that a probe has only while it starts, so it is opened then; LABGEN_VRRP is its
number.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from labgen_stub.wire.target import Misuse

if TYPE_CHECKING:
    from labgen_stub.wire.target import Target

__all__ = ["Exchange", "advertisement", "answer_others", "speak"]

_ROUTER = 255
_QUESTION, _ANSWER = 1, 2  # as the interval between advertisements, in seconds
_PRIORITY = 1
#: Of version 2, whose checksum is of the message alone: what netfilter takes for damaged it drops in silence.
_ADVERTISEMENT = 0x21
_FORM = struct.Struct("!BBBBBBH4s8x")
_NUMBER = slice(8, 12)
_HEADER = 20
_TTL = 255  # VRRP takes nothing that came over a router
_IP_RECVERR = 11  # Linux has it, Python's `socket` not in every version


def advertisement(kind: int, number: bytes) -> bytes:
    """Return a message of VRRP version 2 (RFC 3768) without the header of IP."""
    parts = [_ADVERTISEMENT, _ROUTER, _PRIORITY, 1, 0, kind]
    return _FORM.pack(*parts, _checksum(_FORM.pack(*parts, 0, number)), number)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _read(packet: bytes) -> tuple[str, int, bytes] | None:
    """Return who sent a message of ours, its kind and its number; it comes with its IP header."""
    start = (packet[0] & 15) * 4 if packet else _HEADER
    message = packet[start : start + _FORM.size]
    if len(message) < _FORM.size:
        return None
    *_, kind, _, number = _FORM.unpack(message)
    if message != advertisement(kind, number):
        return None
    return socket.inet_ntoa(packet[12:16]), kind, number


class Exchange:
    """The one socket of a network namespace: asks, and answers whoever asks."""

    def __init__(self, raw: socket.socket) -> None:
        self._socket = raw
        self._waiting: dict[bytes, tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = {}
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _TTL)
        # That a peer refuses is said by ICMP, of which the kernel keeps the refused message.
        raw.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)

    def serve(self) -> None:
        """Read until the socket is gone."""
        while True:
            try:
                packet = self._socket.recv(2048)
            except OSError as error:
                if self._socket.fileno() < 0:
                    return
                self._refused(error)
            else:
                self._heard(packet)

    def _heard(self, packet: bytes) -> None:
        found = _read(packet)
        if found is None:
            return
        source, kind, number = found
        if kind == _QUESTION:
            with suppress(OSError):  # the other one says that nothing came
                self._socket.sendto(advertisement(_ANSWER, number), (source, 0))
        elif number in self._waiting:
            self._finish(number, None)

    def _refused(self, error: OSError) -> None:
        """Give the refusal to its question, which the kernel kept without the header of IP."""
        with suppress(OSError):
            message, *_ = self._socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            if message[_NUMBER] in self._waiting:
                self._finish(message[_NUMBER], error)

    def _finish(self, number: bytes, error: OSError | None) -> None:
        loop, future = self._waiting[number]

        def done() -> None:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(done)

    async def ask(self, host: str) -> str:
        """Ask whoever waits at `host`; return its address. Raises OSError."""
        number, loop = secrets.token_bytes(4), asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, 0, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        address = found[0][4][0]
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[number] = (loop, future)
        try:
            self._socket.sendto(advertisement(_QUESTION, number), (address, 0))
            await future
        finally:
            del self._waiting[number]
        return str(address)


_exchanges: list[Exchange] = []


def answer_others(descriptor: int) -> None:
    """Take the socket with this number, and answer on it as long as the program runs."""
    one = Exchange(socket.socket(fileno=descriptor))
    _exchanges.append(one)
    threading.Thread(target=one.serve, daemon=True).start()


async def speak(target: Target) -> str:
    """Send an advertisement that the peer's own probe sends back.

    Raises:
        OSError: this node does not let it out, or the peer refused it.
        TimeoutError: nothing came back (the caller's bound).
        Misuse: this probe has no socket for it.
    """
    if not _exchanges:
        raise Misuse("VRRP needs a raw socket, which this program was not given")
    return f"an advertisement came back from {await _exchanges[0].ask(target.host)}"
