"""Erlang's port mapper: the question which nodes are registered there, and at which ports."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_NAMES_REQ = b"\x00\x01n"
_NODE = "rabbit"


async def speak(target: Target) -> str:
    """Ask for the names; the answer is the mapper's own port in four bytes, then a line for each node."""
    async with connected(target) as (reader, writer):
        writer.write(_NAMES_REQ)
        await writer.drain()
        await reader.readexactly(4)
        listed = (await reader.read()).decode("utf-8", "replace")
    names = [line.removeprefix("name ") for line in listed.splitlines() if line.startswith("name ")]
    if not any(one.startswith(f"{_NODE} at port ") for one in names):
        raise Garbled(f"no node '{_NODE}' is registered: {listed[:60]!r}")
    return f"names: {', '.join(names)}"
