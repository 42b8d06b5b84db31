"""ZooKeeper: the four-letter command `srvr`, the one that a stock server answers."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target


async def speak(target: Target) -> str:
    """Ask `srvr`; the answer names version and mode (standalone, leader or follower)."""
    async with connected(target) as (reader, writer):
        writer.write(b"srvr")
        await writer.drain()
        answer = (await reader.read(4096)).decode("utf-8", "replace")
    version, _, rest = answer.partition("\n")
    if not version.startswith("Zookeeper version:"):
        raise Garbled(f"srvr is answered by {answer[:60]!r}")
    mode = next((line for line in rest.splitlines() if line.startswith("Mode:")), "Mode: unknown")
    return f"srvr: {version.removeprefix('Zookeeper version: ').split('-')[0]}, {mode.lower()}"
