"""Redis: an inline PING, which every version and Sentinel understand."""

from __future__ import annotations

from labgen_stub.wire.stream import exchange
from labgen_stub.wire.target import Garbled, Target


async def speak(target: Target) -> str:
    """`PING` must be answered by `+PONG` (no password: platform.md 2.7)."""
    answer = await exchange(target, b"PING\r\n", 7)
    if answer != b"+PONG\r\n":
        raise Garbled(f"PING is answered by {answer!r}")
    return "PING answered by PONG"
