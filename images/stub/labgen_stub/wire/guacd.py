"""guacd: the first instruction of a Guacamole session."""

from __future__ import annotations

from labgen_stub.wire.guacamole import instruction
from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target


async def speak(target: Target) -> str:
    """`select` a console protocol (option `console`, default vnc); guacd lists its arguments."""
    console = target.option("console", "vnc")
    async with connected(target) as (reader, writer):
        writer.write(instruction("select", console))
        await writer.drain()
        answer = (await reader.readuntil(b";")).decode("utf-8", "replace")
    if not answer.startswith("4.args,"):
        raise Garbled(f"select {console} is answered by {answer[:60]!r}")
    return f"select {console} answered by args with {answer.count(',')} names"
