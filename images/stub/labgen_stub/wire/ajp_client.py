"""AJP/1.3 as a web server speaks it: CPing, then a GET on the same connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.wire import ajp_codec as ajp
from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    import asyncio


async def read_packet(reader: asyncio.StreamReader, magic: bytes) -> bytes:
    """Read the payload of the next packet.

    Raises:
        asyncio.IncompleteReadError: the peer closed.
        ajp.AjpError: no packet starts here, or it is empty where a type is needed.
    """
    head = await reader.readexactly(4)
    if head[:2] != magic:
        raise ajp.AjpError(f"no AJP packet: {head!r}")
    return await reader.readexactly(int.from_bytes(head[2:], "big"))


async def speak(target: Target) -> str:
    """CPing must be answered by CPong; option `path`, if there is one, is then fetched.

    Option `status` demands one HTTP status and no other.
    """
    async with connected(target) as (reader, writer):
        try:
            writer.write(ajp.CPING_PACKET)
            await writer.drain()
            answer = await read_packet(reader, ajp.TO_SERVER)
            if answer != bytes((ajp.CPONG,)):
                raise Garbled(f"CPing is answered by {answer[:20]!r}")
            path = target.options.get("path")
            if path is None:
                return "CPing answered by CPong"
            request = ajp.ForwardRequest(
                "GET",
                str(path),
                server_name=target.host,
                server_port=target.port,
                headers=(("host", f"{target.host}:{target.port}"), ("accept", "*/*")),
            )
            writer.write(ajp.encode_forward_request(request))
            await writer.drain()
            status, size = await _response(reader)
        except ajp.AjpError as error:
            raise Garbled(str(error)) from error
    wanted = target.options.get("status")
    if wanted is not None and status != int(wanted):
        raise Garbled(f"CPing answered; GET {path}: {status}, expected {wanted}")
    return f"CPing answered by CPong; GET {path}: {status}, {size} bytes"


async def _response(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Status and body size of a whole response."""
    status = size = 0
    while True:
        payload = await read_packet(reader, ajp.TO_SERVER)
        kind = payload[0] if payload else 0
        if kind == ajp.SEND_HEADERS:
            status, _ = ajp.decode_headers(payload)
        elif kind == ajp.SEND_BODY_CHUNK:
            size += int.from_bytes(payload[1:3], "big")
        elif kind == ajp.END_RESPONSE and status:
            return status, size
        else:
            raise ajp.AjpError(f"unexpected packet of type {kind}")
