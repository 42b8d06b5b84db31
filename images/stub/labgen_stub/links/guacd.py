"""A session with guacd: from its first instruction until either side ends (platform.md row 32)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from labgen_stub.wire.guacamole import Instructions, elements, instruction
from labgen_stub.wire.target import Garbled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from labgen_stub.settings import Neighbour

_CONNECT, _HANDSHAKE = 3.0, 10.0
_READ = 65536
_DPI = "96"
_IMAGES = ("image/png", "image/jpeg", "image/webp")
_OLDEST = "VERSION_1_0_0"
_ERROR_FIELDS = 3


class Refused(Exception):
    """guacd says no; `status` is its code for clients (guacamole.apache.org/doc/gug/protocol-reference)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Console:
    """What guacd is to open.

    Attributes:
        protocol: `vnc`, `ssh` or `rdp`.
        parameters: of the protocol, by guacd's names; those that it does not ask for are not sent.
        width, height: pixels of the user's screen, for protocols that draw one of that size.
    """

    protocol: str
    parameters: Mapping[str, str] = field(repr=False)
    width: int = 1024
    height: int = 768


class Guacd:
    """One connection to one guacd, open inside its context.

    Raises when it is entered: `OSError`, `TimeoutError` or `Garbled` when guacd does not answer as it should,
    `Refused` when it does not want this console.
    """

    def __init__(self, place: Neighbour, console: Console) -> None:
        self._place, self._console = place, console
        self._instructions = Instructions()
        self._early: list[bytes] = []
        self.id = ""

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(_CONNECT):
            # A small buffer: what a slow user does not take stays with guacd, which then draws less.
            self._reader, self._writer = await asyncio.open_connection(
                self._place.node, self._place.port, limit=_READ
            )
        try:
            async with asyncio.timeout(_HANDSHAKE):
                await self._agree()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            self._writer.write(instruction("disconnect"))
        self._writer.close()
        with suppress(Exception):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def _agree(self) -> None:
        """Do the handshake: what guacd needs to know, and what this user's screen is."""
        console = self._console
        await self.write(instruction("select", console.protocol))
        version, *names = await self._expect("args")
        if not version.startswith("VERSION_"):
            version, names = "", [version, *names]
        given = console.parameters
        values = [given.get(name, "") for name in names]
        answer = [
            instruction("size", str(console.width), str(console.height), _DPI),
            instruction("audio"),
            instruction("video"),
            instruction("image", *_IMAGES),
            # Since 1.1 the handshake knows versions and a time zone; the older one has neither.
            *([instruction("timezone", "UTC")] if version > _OLDEST else []),
            instruction("connect", *([version] if version else []), *values),
        ]
        await self.write(b"".join(answer))
        self.id = (await self._expect("ready"))[0]

    async def _expect(self, opcode: str) -> list[str]:
        """Return the arguments of the next instruction, which must be `opcode`."""
        while not self._early:
            self._early = await self._read()
            if not self._early:
                raise Garbled(f"guacd hung up instead of {opcode!r}")
        found, *arguments = elements(self._early.pop(0))
        if found == "error" and len(arguments) == _ERROR_FIELDS - 1 and arguments[1].isdigit():
            raise Refused(arguments[0], int(arguments[1]))
        if found != opcode or not arguments:
            raise Garbled(f"guacd answers {found[:20]!r} instead of {opcode!r}")
        return arguments

    async def _read(self) -> list[bytes]:
        while data := await self._reader.read(_READ):
            if found := self._instructions.feed(data):
                return found
        return []

    async def read(self) -> list[bytes]:
        """Return the next whole instructions, at least one; none when guacd has hung up.

        Raises:
            OSError, Garbled: the connection broke, or what comes is not the protocol.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        return await self._read()

    async def write(self, data: bytes) -> None:
        """Send instructions; returns when guacd has room for more. Raises `OSError`."""
        self._writer.write(data)
        await self._writer.drain()
