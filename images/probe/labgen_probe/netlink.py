"""What the kernel tells over netlink (7): messages, each with a header and padded to four bytes."""

from __future__ import annotations

import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["attributes", "dump", "messages"]

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x301
_PIECE = 1 << 16


def dump(protocol: int, kind: int, body: bytes) -> Iterator[bytes]:
    """Yield what the kernel has of a kind, a message's content each. Raises OSError when it refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
        over = False
        while not over:
            found, over = messages(kernel.recv(_PIECE))
            yield from found


def messages(data: bytes) -> tuple[list[bytes], bool]:
    """Return the messages in a piece of an answer, and whether it was the last. Raises OSError."""
    found: list[bytes] = []
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        body = data[_HEADER.size : length]
        if kind == _DONE:
            return found, True
        if kind == _ERROR:
            (code,) = struct.unpack_from("=i", body)
            raise OSError(-code, f"the kernel does not tell: {os.strerror(-code)}")
        found.append(body)
        data = data[_aligned(length) :]
    return found, False


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the types and values of the attributes at the end of a message."""
    while data:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]


def _aligned(length: int) -> int:
    return length + -length % 4
