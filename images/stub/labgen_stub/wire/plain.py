"""The transport alone: a TCP connection, or a UDP datagram that somebody answers or refuses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labgen_stub.wire.stream import connected

if TYPE_CHECKING:
    from labgen_stub.wire.target import Target


async def speak(target: Target) -> str:
    """Open a TCP connection, or send one datagram of one byte and wait for any answer.

    Raises:
        OSError: refused or unreachable; for UDP this is the ICMP answer.
        TimeoutError: the datagram was neither answered nor refused (the caller's bound).
    """
    if target.protocol == "udp":
        answer = await ask_udp(target, b"\0")
        return f"answered with {len(answer)} bytes"
    async with connected(target):
        return "connected"


async def ask_udp(target: Target, message: bytes, local: tuple[str, int] | None = None) -> bytes:
    """Send one datagram and wait, for ever, for the first one that comes back.

    The socket is connected, so that an ICMP refusal becomes an `OSError`.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    class Listener(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            del addr
            if not answer.done():
                answer.set_result(data)

        def error_received(self, exc: Exception) -> None:
            if not answer.done():
                answer.set_exception(exc)

    transport, _ = await loop.create_datagram_endpoint(
        Listener, remote_addr=(target.host, target.port), local_addr=local
    )
    try:
        transport.sendto(message)
        return await answer
    finally:
        transport.close()
