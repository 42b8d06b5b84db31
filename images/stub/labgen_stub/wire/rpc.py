"""ONC RPC: the NULL call of a program, over TCP or UDP (RFC 5531). rpcbind, and NFSv3 over UDP."""

from __future__ import annotations

import secrets
import struct

from labgen_stub.wire.plain import ask_udp
from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

RPCBIND, NFS = (100000, 2), (100003, 3)
_REPLY, _ACCEPTED, _SUCCESS = 1, 0, 0
_LAST_FRAGMENT, _SHORTEST = 0x80000000, 24


async def null_call(target: Target, program: tuple[int, int]) -> str:
    """Call procedure 0 of (program, version); it does nothing and must succeed."""
    number, version = program
    transaction = secrets.randbits(32)
    call = struct.pack(">10I", transaction, 0, 2, number, version, 0, 0, 0, 0, 0)
    if target.transport == "udp":
        reply = await ask_udp(target, call)
    else:
        async with connected(target) as (reader, writer):
            writer.write(struct.pack(">I", _LAST_FRAGMENT | len(call)) + call)
            await writer.drain()
            (size,) = struct.unpack(">I", await reader.readexactly(4))
            reply = await reader.readexactly(min(size & ~_LAST_FRAGMENT, 4096))
    if len(reply) < _SHORTEST:
        raise Garbled(f"an RPC reply of {len(reply)} bytes")
    answered, kind, accepted, _, verifier = struct.unpack(">5I", reply[:20])
    if (answered, kind) != (transaction, _REPLY):
        raise Garbled("no RPC reply to our call")
    (status,) = struct.unpack_from(">I", reply.ljust(24 + verifier, b"\xff"), 20 + verifier)
    if (accepted, status) != (_ACCEPTED, _SUCCESS):
        raise Garbled(f"program {number} version {version} is not served (status {status})")
    return f"NULL call of program {number} version {version} answered over {target.transport}"


async def speak(target: Target) -> str:
    """Call rpcbind's NULL procedure."""
    return await null_call(target, RPCBIND)
