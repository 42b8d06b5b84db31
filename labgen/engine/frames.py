"""A container's output as the engine sends it: frames that say which stream they belong to."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import Any, Final

__all__ = ["Conversation"]

_HEADER: Final = struct.Struct(">BxxxL")  # the stream, and how many bytes follow
_STDERR: Final = 2
_READ: Final = 1 << 16


class Conversation:
    """Lines to and from a program in a container, over what the SDK's attach or exec gives as a socket."""

    def __init__(self, stream: Any, deadline: float) -> None:
        """`deadline` (monotonic seconds) bounds every wait."""
        self._stream = stream
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._deadline = deadline
        self._raw, self._out, self._err = bytearray(), bytearray(), bytearray()

    @property
    def complaint(self) -> str:
        """What the program wrote to stderr, the end of it."""
        return self._err.decode("utf-8", "replace").strip()[-400:]

    def send(self, line: bytes) -> None:
        """Send one line. Raises OSError."""
        self._socket.settimeout(self._left())
        self._socket.sendall(line + b"\n")

    def line(self) -> bytes:
        """Return the next line of stdout. Raises EOFError at its end, TimeoutError, OSError."""
        while b"\n" not in self._out:
            self._receive()
        line, _, rest = bytes(self._out).partition(b"\n")
        self._out[:] = rest
        return line

    def close(self) -> None:
        """End the conversation, at once: the program's stdin ends, and whoever waits for a line."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # The SDK's stream keeps the socket open for as long as it is open itself.
        self._stream.close()
        self._socket.close()

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.1)

    def _receive(self) -> None:
        """Read some bytes, and sort the complete frames into what was said and what was complained."""
        self._socket.settimeout(self._left())
        received = self._socket.recv(_READ)
        if not received:
            raise EOFError
        self._raw += received
        while len(self._raw) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._raw)
            end = _HEADER.size + length
            if len(self._raw) < end:
                break
            (self._err if stream == _STDERR else self._out).extend(self._raw[_HEADER.size : end])
            del self._raw[:end]
