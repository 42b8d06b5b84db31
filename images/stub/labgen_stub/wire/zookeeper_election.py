"""ZooKeeper's election: the question for whom a server votes, as an observer asks it.

A server answers whoever has no vote with its own one, and remembers nothing of him. So the number that this
end bears is one that no member can have: it is far above those, and follows from this end's address, since a
server keeps but one connection with each number.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_VERSION = -65536
# Nobody connects back to whoever has the greater number; the address is there because the protocol wants one.
_ADDRESS = b"0.0.0.0:3888"
_ABOVE_ALL = 1 << 40
_STATES = ("looking", "following", "leading", "observing")
_LONGEST = 1 << 16


def number_of(address: str) -> int:
    """Return the number of a server that is none, at this address."""
    return _ABOVE_ALL + int(ip_address(address)) % _ABOVE_ALL


async def speak(target: Target) -> str:
    """Say who we are and a vote for nobody; the answer is the server's vote."""
    async with connected(target) as (reader, writer):
        me = number_of(str(writer.get_extra_info("sockname")[0]))
        writer.write(struct.pack(">qqi", _VERSION, me, len(_ADDRESS)) + _ADDRESS)
        # Looking; vote, transaction, round and epoch; the version of a message without a configuration.
        vote = struct.pack(">iqqqqi", 0, me, 0, 0, 0, 1)
        writer.write(struct.pack(">i", len(vote)) + vote)
        await writer.drain()
        length = int.from_bytes(await reader.readexactly(4), "big")
        if not struct.calcsize(">iqqqq") <= length <= _LONGEST:
            raise Garbled(f"a vote of {length} bytes")
        answer = await reader.readexactly(length)
    state, leader, _, _, epoch = struct.unpack_from(">iqqqq", answer)
    if not 0 <= state < len(_STATES):
        raise Garbled(f"a vote in state {state}")
    return f"vote: {_STATES[state]}, for {leader}, epoch {epoch}"
