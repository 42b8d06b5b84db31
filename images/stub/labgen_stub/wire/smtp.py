"""SMTP: the greeting, and EHLO (RFC 5321)."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target


async def speak(target: Target) -> str:
    """Wait for a greeting with 220 and have EHLO answered with 250."""
    async with connected(target) as (reader, writer):
        greeting = (await reader.readline()).decode("ascii", "replace").strip()
        if not greeting.startswith("220"):
            raise Garbled(f"greeting is {greeting[:60]!r}")
        writer.write(b"EHLO labgen\r\n")
        await writer.drain()
        answer = (await reader.readline()).decode("ascii", "replace").strip()
    if not answer.startswith("250"):
        raise Garbled(f"EHLO is answered by {answer[:60]!r}")
    return f"EHLO answered: {greeting[:60]}"
