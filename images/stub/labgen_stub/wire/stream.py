"""TCP, TLS and name resolution as the adapters use them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(
    target: Target, tls: ssl.SSLContext | None = None, *, again: float | None = None
) -> AsyncIterator[Streams]:
    """Connect to the target; the connection is closed without ceremony at the end.

    With `again` another connection is tried whenever one is not answered in so many seconds; the caller
    bounds the whole. The kernel would wait a whole second, and longer each time, before it asks again a
    server that had no room for one more to be answered.

    Raises:
        OSError: the transport refused, or the name does not resolve (`socket.gaierror`).
        Garbled: TLS was asked for and the peer does not speak it, or is not who it should be.
    """
    try:
        reader, writer = await _open(target, tls, again)
    except ssl.SSLCertVerificationError as error:
        raise Garbled(f"certificate refused: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise Garbled(f"TLS handshake failed: {error.reason or error}") from error
    try:
        yield reader, writer
    except asyncio.IncompleteReadError as error:
        raise Garbled(f"closed after {len(error.partial)} bytes: {error.partial[:40]!r}") from error
    except ConnectionResetError as error:
        raise Garbled("connection reset during the dialogue") from error
    finally:
        writer.close()
        # An abort, not a goodbye: the evidence is complete and a peer that lingers must not cost time.
        with suppress(Exception):
            writer.transport.abort()


async def _open(target: Target, tls: ssl.SSLContext | None, again: float | None) -> Streams:
    while True:
        try:
            async with asyncio.timeout(again):
                return await asyncio.open_connection(
                    target.host, target.port, ssl=tls, server_hostname=target.host if tls else None
                )
        except TimeoutError:
            if again is None:
                raise


async def exchange(target: Target, message: bytes, size: int) -> bytes:
    """Send a message (may be empty) and read exactly `size` bytes of the answer.

    Raises:
        OSError, Garbled: as `connected`; a short answer is `Garbled`.
    """
    async with connected(target) as (reader, writer):
        if message:
            writer.write(message)
            await writer.drain()
        return await reader.readexactly(size)


async def resolve(host: str) -> str:
    """Return the first IPv4 or IPv6 address of a name, as text.

    Raises:
        socket.gaierror: the name has no address.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def client_tls(target: Target, *, verify: bool = True) -> ssl.SSLContext:
    """Make a TLS context that trusts the lab's CA (secret `ca`, PEM) and nothing else.

    `verify=False` is for protocols whose servers make a certificate of their own (MySQL).

    Raises:
        Misuse: verification was asked for and there is no CA to verify against.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify:
        context.load_verify_locations(cadata=target.secret("ca"))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
