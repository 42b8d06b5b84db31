"""libvirt's remote protocol: `AUTH_LIST`, the first call of every client (XDR, program 0x20008086)."""

from __future__ import annotations

import asyncio
import ssl
import struct

from labgen_stub.wire.stream import Streams, client_tls, connected
from labgen_stub.wire.target import Garbled, Target

_PROGRAM, _VERSION, _AUTH_LIST = 0x20008086, 1, 66
_CALL, _REPLY, _OK = 0, 1, 0
# Length word and six more; a reply has its count after them, in the place of the length word.
_HEADER, _LARGEST = 28, 65536
_NAMES = {0: "none", 1: "SASL", 2: "polkit"}


async def speak(target: Target) -> str:
    """Ask which authentication the daemon wants; `libvirt-tls` does so inside TLS.

    A TLS daemon that turns the caller away after the handshake wants a client certificate. The
    handshake with the verified server has then been spoken, and the evidence says so.
    """
    if target.protocol != "libvirt-tls":
        async with connected(target) as streams:
            return await _auth_list(streams)
    async with connected(target, client_tls(target)) as (reader, writer):
        try:
            # The daemon sends one byte, 1, once it has accepted the client's certificate.
            if await reader.readexactly(1) != b"\1":
                raise Garbled("the daemon's verdict on the client is not 1")
        except (asyncio.IncompleteReadError, ConnectionResetError, ssl.SSLError):
            return "TLS handshake; the daemon wants a client certificate"
        return "TLS, " + await _auth_list((reader, writer))


async def _auth_list(streams: Streams) -> str:
    reader, writer = streams
    writer.write(struct.pack(">7I", 28, _PROGRAM, _VERSION, _AUTH_LIST, _CALL, 0, _OK))
    await writer.drain()
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    if not _HEADER <= size <= _LARGEST:
        raise Garbled(f"a message of {size} bytes")
    answer = await reader.readexactly(size - 4)
    program, version, procedure, kind, _, status = struct.unpack(">6I", answer[:24])
    if (program, version, procedure, kind) != (_PROGRAM, _VERSION, _AUTH_LIST, _REPLY):
        raise Garbled(f"program {program:#x}, procedure {procedure}, type {kind}")
    if status != _OK or len(answer) < _HEADER:
        raise Garbled(f"AUTH_LIST failed with status {status}")
    (count,) = struct.unpack(">I", answer[24:28])
    if len(answer) != 28 + 4 * count:
        raise Garbled(f"AUTH_LIST announces {count} kinds in {len(answer)} bytes")
    types = struct.unpack(f">{count}I", answer[28:])
    return "AUTH_LIST: " + (", ".join(_NAMES.get(one, str(one)) for one in types) or "empty")
