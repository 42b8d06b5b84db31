"""The distribution of Erlang: a handshake up to the challenge, which nobody answers without the cookie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from asyncio import StreamReader

# What every node has to be capable of since Erlang 26, or the peer refuses it. The bit by which it would
# become known to all others is not among them.
_FLAGS = sum(
    (
        *(
            0x4,
            0x10,
            0x80,
            0x100,
            0x200,
            0x400,
            0x800,
        ),  # references, functions, pids, exports, binaries, floats
        *(0x10000, 0x20000, 0x40000),  # atoms in UTF-8, maps, big creations
        *(0x1000000, 0x2000000, 0x400000000),  # this handshake, numbered unlinks, big identifiers
    )
)


async def _packet(reader: StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


async def speak(target: Target) -> str:
    """Say a name; the peer lets it begin and answers with its own name and a challenge.

    The name follows from this end's address, since a peer never forgets a name that it has heard.
    """
    async with connected(target) as (reader, writer):
        address = str(writer.get_extra_info("sockname")[0])
        name = f"labgen-{address.replace('.', '-').replace(':', '-')}@probe".encode()
        hello = b"N" + struct.pack(">QIH", _FLAGS, 1, len(name)) + name
        writer.write(struct.pack(">H", len(hello)) + hello)
        await writer.drain()
        status = await _packet(reader)
        if status not in (b"sok", b"sok_simultaneous"):
            raise Garbled(f"the name is answered by {status[:40]!r}")
        challenge = await _packet(reader)
    head = struct.calcsize(">cQIIH")
    kind, _, _, _, length = struct.unpack(">cQIIH", challenge[:head])
    if kind != b"N":
        raise Garbled(f"no challenge but {challenge[:40]!r}")
    return f"status ok, challenge of {challenge[head : head + length].decode()}"
