"""RDP: connection request and confirm of X.224 inside TPKT (MS-RDPBCGR 2.2.1.1, 2.2.1.2)."""

from __future__ import annotations

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

_TPKT, _CONFIRM, _NEGOTIATED = 3, 0xD0, 2
_SMALLEST, _LARGEST, _NEGOTIATION_SIZE = 11, 4096, 8
_SECURITY = {0: "standard RDP", 1: "TLS", 2: "CredSSP"}
# TPKT header, X.224 connection request, negotiation request offering TLS and standard security.
_REQUEST = bytes.fromhex("03000013 0ee0000000000001 00080001000000".replace(" ", ""))


async def speak(target: Target) -> str:
    """Ask for a connection; the server confirms and says which security it chose."""
    async with connected(target) as (reader, writer):
        writer.write(_REQUEST)
        await writer.drain()
        header = await reader.readexactly(4)
        size = int.from_bytes(header[2:4], "big")
        if header[0] != _TPKT or not _SMALLEST <= size <= _LARGEST:
            raise Garbled(f"no TPKT header: {header!r}")
        body = await reader.readexactly(size - 4)
    if body[1] != _CONFIRM:
        raise Garbled(f"X.224 answer {body[1]:#x} is no connection confirm")
    negotiated = body[7:]
    if len(negotiated) >= _NEGOTIATION_SIZE and negotiated[0] == _NEGOTIATED:
        return f"X.224 connection confirmed, {_SECURITY.get(negotiated[4], 'other')} security"
    return "X.224 connection confirmed"
