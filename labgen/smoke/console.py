"""Opens a console as noVNC does: RFB (RFC 6143) in a WebSocket, until the first frame is there."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.smoke.model import StepFailed

if TYPE_CHECKING:
    import ssl

    from websockets.asyncio.client import ClientConnection

__all__ = ["Frame", "first_frame"]

_NONE: Final = 1
_UPDATE, _RAW = 0, 0
# 32 bits a pixel, depth 24, little-endian, true colour, 8 bits each at 16, 8 and 0.
_FORMAT: Final = struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
_LARGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen: its size in pixels, and how many colours it has. With one it is blank."""

    name: str
    width: int
    height: int
    colours: int


class _Reader:
    """Exact reads over the messages of a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._rest = socket, b""

    async def exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            message = await self._socket.recv()
            self._rest += message if isinstance(message, bytes) else message.encode("latin-1")
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


async def first_frame(url: str, tls: ssl.SSLContext | None, seconds: float) -> Frame:
    """Return the first whole screen of the console at `url` that is not blank; the last one seen if all are.

    Raises StepFailed with the words of whoever refuses.
    """
    from websockets.asyncio.client import connect  # noqa: PLC0415 - only a console needs it
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415

    frame: Frame | None = None
    try:
        async with (
            asyncio.timeout(seconds),
            connect(url, ssl=tls, subprotocols=["binary"], max_size=None, proxy=None) as socket,  # type: ignore[list-item]
        ):
            reader = _Reader(socket)
            name, width, height = await _greet(socket, reader)
            while frame is None or frame.colours < 2:  # noqa: PLR2004 - one colour is blank
                frame = await _frame(socket, reader, name, width, height)
    except TimeoutError:
        if frame is not None:
            return frame
        raise StepFailed(f"the console showed nothing within {seconds:g} s") from None
    except InvalidStatus as error:
        raise StepFailed(f"the console's server answers {error.response.status_code}") from error
    except (WebSocketException, OSError) as error:
        raise StepFailed(f"console: {str(error) or type(error).__name__}") from error
    return frame


async def _greet(socket: ClientConnection, reader: _Reader) -> tuple[str, int, int]:
    """Agree on version and security; return the screen's name and size."""
    version = await reader.exactly(12)
    if not version.startswith(b"RFB "):
        raise StepFailed(f"the console greets with {version!r}, which is not RFB")
    await socket.send(b"RFB 003.008\n")
    (count,) = await reader.exactly(1)
    kinds = await reader.exactly(count)
    if _NONE not in kinds:
        raise StepFailed(f"the console offers no open access but security types {list(kinds)}")
    await socket.send(bytes([_NONE]))
    if await reader.exactly(4) != bytes(4):
        raise StepFailed("the console refuses access")
    await socket.send(b"\x01")
    width, height = struct.unpack(">HH", await reader.exactly(4))
    await reader.exactly(16)
    (size,) = struct.unpack(">I", await reader.exactly(4))
    name = (await reader.exactly(min(size, _LARGEST))).decode("utf-8", "replace")
    await socket.send(_FORMAT.ljust(20, b"\0")[:20])
    await socket.send(struct.pack(">BxHi", 2, 1, _RAW))
    return name, width, height


async def _frame(socket: ClientConnection, reader: _Reader, name: str, width: int, height: int) -> Frame:
    """Ask for the whole screen and wait for it."""
    await socket.send(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    colours: set[bytes] = set()
    while True:
        (kind,) = await reader.exactly(1)
        if kind == _UPDATE:
            (count,) = struct.unpack(">xH", await reader.exactly(3))
            for _ in range(count):
                _, _, wide, high, encoding = struct.unpack(">HHHHi", await reader.exactly(12))
                if encoding != _RAW:
                    raise StepFailed(f"the console answers in encoding {encoding}, which was not offered")
                pixels = await reader.exactly(wide * high * 4)
                colours |= {pixels[at : at + 3] for at in range(0, len(pixels), 4)}
            return Frame(name, width, height, len(colours))
        if kind == 1:  # colours of a map, which true colour has not
            (count,) = struct.unpack(">xxxH", await reader.exactly(5))
            await reader.exactly(6 * count)
        elif kind == 3:  # noqa: PLR2004 - text for the clipboard
            (size,) = struct.unpack(">xxxI", await reader.exactly(7))
            await reader.exactly(size)
