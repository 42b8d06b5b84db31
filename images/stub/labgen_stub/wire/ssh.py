"""SSH: the identification line (RFC 4253, 4.2)."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_PREAMBLE_LINES = 20


async def speak(target: Target) -> str:
    """Read the banner; a server may send other lines before it."""
    async with connected(target) as (reader, writer):
        writer.write(b"SSH-2.0-labgen\r\n")
        await writer.drain()
        for _ in range(_PREAMBLE_LINES):
            line = await reader.readline()
            if line.startswith(b"SSH-"):
                return line.decode("ascii", "replace").strip()
            if not line:
                break
    raise Garbled(f"no SSH identification, last line {line[:60]!r}")
