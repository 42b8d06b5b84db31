"""AIM, the agent of a KVM hypervisor: a Thrift call in the strict binary protocol (platform.md row 39)."""

from __future__ import annotations

import struct

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_VERSION = 0x80010000
_CALL, _REPLY, _EXCEPTION = 1, 2, 3
_STOP = b"\0"
_LONGEST_NAME = 256


def message(kind: int, name: str, sequence: int, body: bytes = _STOP) -> bytes:
    """Encode a Thrift message; the body is an already encoded struct."""
    raw = name.encode()
    return struct.pack(">Ii", _VERSION | kind, len(raw)) + raw + struct.pack(">i", sequence) + body


async def speak(target: Target) -> str:
    """Ask `checkRimpConfiguration` (no arguments, no result) whether the host is fit to work (R14).

    An exception that the call itself declares is an answer of a host that is not.
    """
    name = target.option("call", "checkRimpConfiguration")
    async with connected(target) as (reader, writer):
        writer.write(message(_CALL, name, 1))
        await writer.drain()
        head, size = struct.unpack(">Ii", await reader.readexactly(8))
        if head & 0xFFFF0000 != _VERSION or not 0 <= size <= _LONGEST_NAME:
            raise Garbled(f"no Thrift message: {head:#010x}")
        answered = (await reader.readexactly(size)).decode("utf-8", "replace")
        (sequence,) = struct.unpack(">i", await reader.readexactly(4))
        outcome = await reader.readexactly(1)
    kind = head & 0xFF
    if (answered, sequence) != (name, 1) or kind not in (_REPLY, _EXCEPTION):
        raise Garbled(f"Thrift message {answered!r} number {sequence} of type {kind}")
    if kind == _EXCEPTION:
        raise Garbled(f"{name} is answered by a Thrift exception")
    if outcome != _STOP:
        raise Garbled(f"{name}: the host is not fit to work")
    return f"{name} answered"
