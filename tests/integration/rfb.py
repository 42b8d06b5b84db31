"""The screen of a machine as its VNC server draws it, and the letters on it (RFC 6143, section 7)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

# A letter of the BIOS's text mode, in pixels; the ninth column is space.
_WIDTH, _HEIGHT = 9, 16
# As many lines as the BIOS and the boot disk write.
_LINES = 8
_PIXELS = struct.pack(">BBBBHHHBBBxxx", 8, 8, 0, 1, 7, 7, 3, 0, 3, 6)
_RAW = struct.pack(">i", 0)


@dataclass(frozen=True)
class Screen:
    """What a server draws: a byte for each pixel, line by line."""

    width: int
    pixels: bytes

    def line(self, number: int) -> list[bytes]:
        """Return the pictures of a line's letters, without the spaces at its end."""
        found = []
        for column in range(self.width // _WIDTH):
            lines = (
                (number * _HEIGHT + row) * self.width + column * _WIDTH
                for row in range(_HEIGHT - 3)  # the cursor is in the last three
            )
            found.append(b"".join(self.pixels[at : at + _WIDTH] for at in lines))
        while found and not any(found[-1]):
            found.pop()
        return found

    def letters(self) -> list[list[bytes]]:
        """Return the first lines' letters: what stays the same while the cursor blinks."""
        return [self.line(number) for number in range(_LINES)]


def look(port: int, seconds: float = 10.0) -> Screen:
    """Return the whole screen of the VNC server at a port of this machine, which asks for no password."""
    with socket.create_connection(("127.0.0.1", port), seconds) as server:

        def take(size: int) -> bytes:
            got = b""
            while len(got) < size:
                piece = server.recv(size - len(got))
                if not piece:
                    raise ConnectionResetError(f"the server hung up after {len(got)} bytes of {size}")
                got += piece
            return got

        take(12)
        server.sendall(b"RFB 003.008\n")
        take(take(1)[0])
        server.sendall(b"\1")
        take(4)
        server.sendall(b"\1")
        width, height = struct.unpack(">HH", take(4))
        take(16)
        take(struct.unpack(">I", take(4))[0])
        server.sendall(b"\0\0\0\0" + _PIXELS + b"\2\0\0\1" + _RAW)
        server.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        pixels, drawn = bytearray(width * height), 0
        while drawn < width * height:
            _, count = struct.unpack(">HH", take(4))
            for _ in range(count):
                left, top, wide, high, _ = struct.unpack(">HHHHi", take(12))
                for row in range(top, top + high):
                    at = row * width + left
                    pixels[at : at + wide] = take(wide)
                drawn += wide * high
        return Screen(width, bytes(pixels))


def read(screen: Screen, known: dict[int, str]) -> list[str]:
    """Read the screen's first lines; KNOWN says how some of them begin, which teaches the letters.

    A letter that no such beginning has is `?`. Lines that do not begin as they are said to fail.
    """
    letters: dict[bytes, str] = {}
    for number, text in known.items():
        pictures = screen.line(number)
        assert len(pictures) >= len(text), f"line {number} does not begin with {text!r}"
        for picture, letter in zip(pictures, text, strict=False):
            assert letters.setdefault(picture, letter) == letter, f"line {number} is not {text!r}"
    return ["".join(letters.get(one, "?") for one in screen.line(number)) for number in range(_LINES)]
