"""Guacamole's protocol: instructions of length-prefixed elements, `4.sync,3.123;`.

Written after the reference of the protocol in its manual. A length counts characters, not bytes. Nothing is
sent or received here.
"""

from __future__ import annotations

from labgen_stub.wire.target import Garbled

# What guacd itself takes of one instruction (libguac's GUAC_INSTRUCTION_MAX_LENGTH); what it sends, its blobs
# among it, is of this size too. Some room, as that counts its own buffer.
LONGEST = 32768
_MOST_DIGITS = 5
# How many bytes a character has, by its first byte (RFC 3629); 0 for a byte that begins none.
_SIZES = bytes([1] * 0x80 + [0] * 0x42 + [2] * 0x1E + [3] * 0x10 + [4] * 5 + [0] * 0x0B)
_DIGITS = frozenset(b"0123456789")
_POINT, _COMMA, _END = ord("."), ord(","), ord(";")


def instruction(*elements: str) -> bytes:
    """Encode an instruction: the opcode and its arguments."""
    return (",".join(f"{len(element)}.{element}" for element in elements) + ";").encode()


class Instructions:
    """Takes bytes as they come, and gives whole instructions."""

    def __init__(self, longest: int = LONGEST) -> None:
        """Refuse instructions of more than `longest` bytes: more than that is never kept."""
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return each instruction that is now whole, as it came; the rest is kept.

        Raises:
            Garbled: this is not the protocol, or an instruction is too long.
        """
        self._rest += data
        found, start = [], 0
        while (end := self._end(start)) >= 0:
            found.append(self._rest[start:end])
            start = end
        self._rest = self._rest[start:]
        if len(self._rest) > self._longest:
            raise Garbled(f"an instruction of more than {self._longest} bytes")
        return found

    def _end(self, at: int) -> int:
        """Where the instruction at `at` ends; -1 when it is not all there."""
        while (span := _element(self._rest, at)) is not None:
            at = span[1]
            if self._rest[at - 1] == _END:
                return at
        return -1


def elements(whole: bytes) -> list[str]:
    """Take a whole instruction apart, the opcode first. Raises `Garbled`."""
    found, at = [], 0
    while at < len(whole) and (span := _element(whole, at)) is not None:
        start, at = span
        found.append(text(whole[start : at - 1]))
    return found


def text(raw: bytes) -> str:
    """Decode what came. Raises `Garbled`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Garbled("text that is not UTF-8") from None


def _element(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the value of the element at `at` begins and where the next one does; None if it is cut off."""
    point = data.find(b".", at, at + _MOST_DIGITS + 1)
    digits = data[at : at + _MOST_DIGITS + 1] if point < 0 else data[at:point]
    if any(one not in _DIGITS for one in digits) or (point < 0 and len(digits) > _MOST_DIGITS) or point == at:
        raise Garbled(f"no length of an element: {data[at : at + 12]!r}")
    if point < 0:
        return None
    end = _after(data, point + 1, int(digits))
    if end is None or end >= len(data):
        return None
    if data[end] not in (_COMMA, _END):
        raise Garbled(f"an element ends with {data[end : end + 1]!r}")
    return point + 1, end + 1


def _after(data: bytes, at: int, size: int) -> int | None:
    """Where `size` characters from `at` on end; None when they are not all there."""
    if data[at : at + size].isascii():
        return at + size
    for _ in range(size):
        if at >= len(data):
            return None
        width = _SIZES[data[at]]
        if width == 0 or any(one & 0xC0 != 0x80 for one in data[at + 1 : at + width]):  # noqa: PLR2004 - RFC 3629
            raise Garbled("text that is not UTF-8")
        at += width
    return at
