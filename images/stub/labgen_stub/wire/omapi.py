"""OMAPI of ISC dhcpd: the greeting, and with a key an authenticated question (platform.md 2.10)."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import secrets
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub.wire.stream import Streams, connected
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

GREETING = struct.pack(">II", 100, 24)
OPEN, REFRESH, UPDATE, NOTIFY, STATUS, DELETE = 1, 2, 3, 4, 5, 6
# Results of dhcpd's library: nothing of that kind is there; it is there already.
_DONE, _EXISTS, _NOT_FOUND = 0, 18, 23
_ETHERNET = (1).to_bytes(4, "big")
_YES = (1).to_bytes(4, "big")
_LARGEST_SIGNATURE, _LARGEST_VALUE = 64, 65536
# dhcpd's names for the algorithms and the digests behind them.
_ALGORITHMS = {
    "hmac-md5": ("hmac-md5.SIG-ALG.REG.INT.", "md5"),
    "hmac-sha256": ("hmac-sha256.", "sha256"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """An OMAPI key as `dhcpd.conf` has it; `secret` is base64."""

    name: str
    secret: str
    algorithm: str = "hmac-md5"


@dataclass(frozen=True, slots=True)
class Message:
    """One OMAPI message; values are raw bytes."""

    opcode: int
    handle: int
    values: Mapping[str, bytes]
    object: Mapping[str, bytes]
    transaction: int
    response_to: int = 0


def _pairs(values: Mapping[str, bytes]) -> bytes:
    encoded = b"".join(
        struct.pack(">H", len(name)) + name.encode() + struct.pack(">I", len(value)) + value
        for name, value in values.items()
    )
    return encoded + b"\0\0"


class Session:
    """A greeted connection; after `authenticate` every message is signed."""

    def __init__(self, streams: Streams) -> None:
        self._reader, self._writer = streams
        self._auth_id, self._digest, self._secret = 0, "", b""

    async def greet(self) -> None:
        """Exchange versions and header sizes. Raises `Garbled` for another protocol."""
        self._writer.write(GREETING)
        await self._writer.drain()
        answer = await self._reader.readexactly(len(GREETING))
        if answer != GREETING:
            raise Garbled(f"greeting is {answer!r}")

    async def authenticate(self, key: Key) -> None:
        """Ask the server to accept a key for what follows. Raises `Garbled` when it does not."""
        algorithm, digest = _ALGORITHMS[key.algorithm]
        names = {"name": key.name.encode(), "algorithm": algorithm.encode()}
        answer = await self.ask({"type": b"authenticator"}, names)
        if answer.opcode != UPDATE or not answer.handle:
            raise Garbled(f"key {key.name} is not accepted: {_complaint(answer)}")
        self._auth_id, self._digest = answer.handle, digest
        self._secret = base64.b64decode(key.secret)

    async def ask(self, values: Mapping[str, bytes], attributes: Mapping[str, bytes]) -> Message:
        """Open an object (or make one, with `create` among the values) and return the answer."""
        return await self._exchange(OPEN, 0, values, attributes)

    async def delete(self, handle: int) -> Message:
        """Delete an object that was opened, and return the answer."""
        return await self._exchange(DELETE, handle, {}, {})

    async def _exchange(
        self, opcode: int, handle: int, values: Mapping[str, bytes], attributes: Mapping[str, bytes]
    ) -> Message:
        number = secrets.randbits(31)
        size = hmac.new(b"", b"", self._digest).digest_size if self._auth_id else 0
        body = struct.pack(">5I", size, opcode, handle, number, 0) + _pairs(values) + _pairs(attributes)
        signature = hmac.digest(self._secret, body, self._digest) if self._auth_id else b""
        self._writer.write(struct.pack(">I", self._auth_id) + body + signature)
        await self._writer.drain()
        answer = await self._read()
        if answer.response_to != number:
            raise Garbled("the answer belongs to another question")
        return answer

    async def _read(self) -> Message:
        head = await self._reader.readexactly(24)
        _, auth_size, opcode, handle, number, response_to = struct.unpack(">6I", head)
        values, raw_values = await self._read_pairs()
        attributes, raw_attributes = await self._read_pairs()
        if not 0 <= auth_size <= _LARGEST_SIGNATURE:
            raise Garbled(f"a signature of {auth_size} bytes")
        signature = await self._reader.readexactly(auth_size)
        if self._auth_id:
            expected = hmac.digest(self._secret, head[4:] + raw_values + raw_attributes, self._digest)
            if not hmac.compare_digest(signature, expected):
                raise Garbled("the answer is not signed with our key")
        return Message(opcode, handle, values, attributes, number, response_to)

    async def _read_pairs(self) -> tuple[dict[str, bytes], bytes]:
        pairs: dict[str, bytes] = {}
        raw = b""
        while True:
            raw += (size := await self._reader.readexactly(2))
            if size == b"\0\0":
                return pairs, raw
            raw += (name := await self._reader.readexactly(int.from_bytes(size, "big")))
            raw += (length := await self._reader.readexactly(4))
            if (count := int.from_bytes(length, "big")) > _LARGEST_VALUE:
                raise Garbled(f"a value of {count} bytes")
            raw += (value := await self._reader.readexactly(count))
            pairs[name.decode("utf-8", "replace")] = value


def _result(answer: Message) -> int:
    return int.from_bytes(answer.values.get("result", b""), "big")


def _complaint(answer: Message) -> str:
    text = answer.values.get("message", b"").decode("utf-8", "replace")
    return f"{text or 'no reason given'} ({_result(answer)})"


@asynccontextmanager
async def session(target: Target) -> AsyncIterator[Session]:
    """Connect, greet and, where secret `omapi_key` is at hand, authenticate.

    The key's name is option `key` (default `omapi_key`), its algorithm option `algorithm`.

    Raises:
        OSError, Garbled: as `connected`; also that the server refuses the key.
    """
    async with connected(target) as streams:
        opened = Session(streams)
        await opened.greet()
        if "omapi_key" in target.secrets:
            algorithm = target.option("algorithm", "hmac-md5")
            await opened.authenticate(
                Key(target.option("key", "omapi_key"), target.secret("omapi_key"), algorithm)
            )
        yield opened


async def add_host(target: Target, name: str, mac: str, address: str) -> None:
    """Have a `host` object: the network card with this MAC address gets this IPv4 address, always.

    One of that name, or for that card, that says anything else is replaced.

    Raises:
        OSError, Garbled: as `session`; also that the server will not.
        ValueError: an address is none.
    """
    hardware, ip = bytes.fromhex(mac.replace(":", "")), ipaddress.IPv4Address(address).packed
    wanted = {"name": name.encode(), "hardware-address": hardware, "ip-address": ip}
    async with session(target) as dhcp:
        for key in ({"name": name.encode()}, {"hardware-address": hardware, "hardware-type": _ETHERNET}):
            found = await _open_host(dhcp, key)
            if found is None:
                continue
            if {field: found.object.get(field) for field in wanted} == wanted:
                return
            await _delete(dhcp, found)
        values = {"type": b"host", "create": _YES, "exclusive": _YES}
        answer = await dhcp.ask(values, {**wanted, "hardware-type": _ETHERNET})
        if answer.opcode != UPDATE:
            raise Garbled(f"lease of {name} for {address}: {_complaint(answer)}")


async def remove_host(target: Target, name: str) -> None:
    """Have no `host` object of this name. Raises OSError, Garbled as `add_host`."""
    async with session(target) as dhcp:
        found = await _open_host(dhcp, {"name": name.encode()})
        if found is not None:
            await _delete(dhcp, found)


async def _open_host(dhcp: Session, key: Mapping[str, bytes]) -> Message | None:
    answer = await dhcp.ask({"type": b"host"}, key)
    if answer.opcode == UPDATE and answer.handle:
        return answer
    if _result(answer) == _NOT_FOUND:
        return None
    raise Garbled(f"host {next(iter(key))}: {_complaint(answer)}")


async def _delete(dhcp: Session, found: Message) -> None:
    answer = await dhcp.delete(found.handle)
    if _result(answer) not in (_DONE, _NOT_FOUND):
        raise Garbled(f"delete: {_complaint(answer)}")


async def speak(target: Target) -> str:
    """Exchange greetings; with secret `omapi_key` look up the lease of option `lease` too.

    The key's name is option `key` (default `omapi_key`), its algorithm option `algorithm`. That there
    is no such lease is an answer; that the server refuses the key is not.
    """
    async with session(target) as dhcp:
        if "omapi_key" not in target.secrets:
            return "greeting answered"
        address = target.option("lease", "192.0.2.1")
        answer = await dhcp.ask({"type": b"lease"}, {"ip-address": bytes(map(int, address.split(".")))})
    if answer.opcode == UPDATE:
        return f"greeting answered, key accepted, lease {address} found"
    if _result(answer) == _NOT_FOUND:
        return f"greeting answered, key accepted, no lease {address}"
    raise Garbled(f"lease {address}: {_complaint(answer)}")
