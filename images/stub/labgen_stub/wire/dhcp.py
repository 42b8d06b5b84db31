"""DHCP: a question of this network, which the server must answer (RFC 2131)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct

from labgen_stub.wire.plain import ask_udp
from labgen_stub.wire.stream import resolve
from labgen_stub.wire.target import Garbled, Target

_COOKIE = bytes.fromhex("63825363")
_DISCOVER, _INFORM = 1, 8
_ANSWERS = {2: "OFFER", 5: "ACK", 6: "NAK"}
_CLIENT_PORT = 68
_BOOTREPLY, _OPTIONS, _MESSAGE_TYPE, _END = 2, 240, 53, 255


def question(kind: int, transaction: int, own: str, hardware: bytes) -> bytes:
    """Make a DHCP question; an INFORM carries the asker's own address, a DISCOVER has none."""
    address = socket.inet_aton(own) if kind == _INFORM else bytes(4)
    fixed = struct.pack(">BBBBIHH4s4s4s4s", 1, 1, 6, 0, transaction, 0, 0, address, *[bytes(4)] * 3)
    options = bytes((53, 1, kind, 55, 3, 1, 3, 6, 255))
    return (fixed + hardware.ljust(16, b"\0") + bytes(192) + _COOKIE + options).ljust(300, b"\0")


def parse(answer: bytes, transaction: int) -> str:
    """Return the kind of an answer. Raises `Garbled` when it is none to our question."""
    if len(answer) < _OPTIONS or answer[0] != _BOOTREPLY or answer[_OPTIONS - 4 : _OPTIONS] != _COOKIE:
        raise Garbled(f"{len(answer)} bytes that are no DHCP answer")
    if struct.unpack(">I", answer[4:8])[0] != transaction:
        raise Garbled("the answer belongs to another question")
    at = _OPTIONS
    while at + 1 < len(answer) and answer[at] != _END:
        if answer[at] == 0:
            at += 1
            continue
        if answer[at] == _MESSAGE_TYPE and at + 2 < len(answer):
            return _ANSWERS.get(answer[at + 2], f"type {answer[at + 2]}")
        at += 2 + answer[at + 1]
    raise Garbled("the answer has no message type")


async def speak(target: Target) -> str:
    """Send INFORM and, unanswered, DISCOVER, to the server's address; ACK or OFFER is the proof.

    Raises:
        OSError: refused or unreachable (ICMP), or the client port cannot be had.
        TimeoutError: no answer to either question.
    """
    address = await resolve(target.host)
    own = _own_address(address, target.port)
    hardware = b"\x02\x4c" + secrets.token_bytes(4)
    for kind, name in ((_INFORM, "INFORM"), (_DISCOVER, "DISCOVER")):
        transaction = secrets.randbits(32)
        ask = ask_udp(target, question(kind, transaction, own, hardware), ("0.0.0.0", _CLIENT_PORT))
        try:
            answer = await asyncio.wait_for(ask, target.patience / 2.2)
        except TimeoutError:
            continue
        verdict = parse(answer, transaction)
        if verdict == "NAK":
            raise Garbled(f"{name} is answered by NAK")
        return f"{name} answered by {verdict}"
    raise TimeoutError


def _own_address(server: str, port: int) -> str:
    """Return the address that this machine uses towards the server (nothing is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((server, port))
        return str(udp.getsockname()[0])
