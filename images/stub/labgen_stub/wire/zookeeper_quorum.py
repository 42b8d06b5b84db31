"""ZooKeeper's quorum: what an observer says to its leader, up to the epoch. Only a leader listens."""

from __future__ import annotations

import struct

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target
from labgen_stub.wire.zookeeper_election import number_of

_OBSERVER_INFO, _LEADER_INFO = 16, 17
_PROTOCOL = 0x10000
_VERSION_BYTES = 4
_NO_AUTHENTICATION = struct.pack(">i", -1)


async def speak(target: Target) -> str:
    """Introduce an observer without data; the leader answers with its epoch, and is not followed."""
    async with connected(target) as (reader, writer):
        me = number_of(str(writer.get_extra_info("sockname")[0]))
        learner = struct.pack(">qiq", me, _PROTOCOL, 0)
        packet = struct.pack(">iqi", _OBSERVER_INFO, 0, len(learner)) + learner + _NO_AUTHENTICATION
        writer.write(packet)
        await writer.drain()
        kind, zxid, length = struct.unpack(">iqi", await reader.readexactly(struct.calcsize(">iqi")))
        version = await reader.readexactly(length) if length == _VERSION_BYTES else b""
    if kind != _LEADER_INFO or int.from_bytes(version, "big") < _PROTOCOL:
        raise Garbled(f"an observer is answered by a packet of kind {kind} and length {length}")
    return f"leader's epoch {zxid >> 32}"
