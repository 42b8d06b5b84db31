"""Leases over OMAPI: made, changed and removed as often as one likes, with the same result."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from labgen_stub.wire import Garbled, Target
from labgen_stub.wire.omapi import GREETING, add_host, remove_host, speak

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio
OPEN, UPDATE, STATUS, DELETE = 1, 3, 5, 6
NOT_FOUND, REFUSED = 23, 1
MAC = "52:54:00:00:00:01"


class Dhcp:
    """As much of dhcpd as it takes: host objects by name or hardware address, no key."""

    def __init__(self) -> None:
        self.hosts: list[dict[str, bytes]] = []
        self.changes: list[str] = []
        self.refuses = False
        self._serving: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Target]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._serving.append(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield Target("omapi", "127.0.0.1", port)
        finally:
            server.close()
            await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened: list[dict[str, bytes]] = []
        try:
            writer.write(await reader.readexactly(len(GREETING)))
            while True:
                head = struct.unpack(">6I", await reader.readexactly(24))
                values, attributes = await _pairs(reader), await _pairs(reader)
                opcode, handle, code, answer = self._do(head[2], head[3], values, attributes, opened)
                told = {} if opcode == UPDATE else {"result": struct.pack(">I", code), "message": b"told so"}
                body = (
                    struct.pack(">6I", 0, 0, opcode, handle, 7, head[4]) + _encoded(told) + _encoded(answer)
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _do(
        self,
        opcode: int,
        handle: int,
        values: dict[str, bytes],
        attributes: dict[str, bytes],
        opened: list[dict[str, bytes]],
    ) -> tuple[int, int, int, dict[str, bytes]]:
        if self.refuses:
            return STATUS, 0, REFUSED, {}
        if opcode == DELETE:
            self.hosts.remove(opened[handle - 1])
            self.changes.append("delete")
            return STATUS, 0, 0, {}
        assert opcode == OPEN
        if values.get("create"):
            assert values["exclusive"]
            assert not any(one["name"] == attributes["name"] for one in self.hosts)
            self.hosts.append(attributes)
            self.changes.append("create")
        found = next((one for one in self.hosts if attributes.items() <= one.items()), None)
        if found is None or values["type"] != b"host":
            return STATUS, 0, NOT_FOUND, {}
        opened.append(found)
        return UPDATE, len(opened), 0, found


async def _pairs(reader: asyncio.StreamReader) -> dict[str, bytes]:
    found = {}
    while size := int.from_bytes(await reader.readexactly(2), "big"):
        name = (await reader.readexactly(size)).decode()
        found[name] = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    return found


def _encoded(values: dict[str, bytes]) -> bytes:
    parts = [
        struct.pack(">H", len(name)) + name.encode() + struct.pack(">I", len(value)) + value
        for name, value in values.items()
    ]
    return b"".join(parts) + b"\0\0"


async def test_a_lease_is_made_once() -> None:
    dhcp = Dhcp()
    async with dhcp.running() as target:
        for _ in range(2):
            await add_host(target, "ABQ_1", MAC, "10.1.0.7")
    assert dhcp.changes == ["create"]
    [host] = dhcp.hosts
    assert host == {
        "name": b"ABQ_1",
        "hardware-address": bytes.fromhex("525400000001"),
        "ip-address": bytes((10, 1, 0, 7)),
        "hardware-type": struct.pack(">I", 1),
    }


@pytest.mark.parametrize(
    ("name", "mac", "address"),
    [
        ("ABQ_1", MAC, "10.1.0.8"),
        ("ABQ_1", "52:54:00:00:00:02", "10.1.0.7"),
        ("ABQ_2", MAC, "10.1.0.7"),
    ],
)
async def test_what_says_otherwise_is_replaced(name: str, mac: str, address: str) -> None:
    dhcp = Dhcp()
    async with dhcp.running() as target:
        await add_host(target, "ABQ_1", MAC, "10.1.0.7")
        await add_host(target, name, mac, address)
    assert dhcp.changes == ["create", "delete", "create"]
    [host] = dhcp.hosts
    assert (host["name"], host["ip-address"][-1]) == (name.encode(), int(address.rpartition(".")[2]))


async def test_a_lease_is_removed_and_no_other() -> None:
    dhcp = Dhcp()
    async with dhcp.running() as target:
        await add_host(target, "ABQ_1", MAC, "10.1.0.7")
        await add_host(target, "ABQ_2", "52:54:00:00:00:02", "10.1.0.8")
        for _ in range(2):
            await remove_host(target, "ABQ_1")
    assert [one["name"] for one in dhcp.hosts] == [b"ABQ_2"]


async def test_the_servers_reason_is_told() -> None:
    dhcp = Dhcp()
    dhcp.refuses = True
    async with dhcp.running() as target:
        with pytest.raises(Garbled, match=r"told so \(1\)"):
            await add_host(target, "ABQ_1", MAC, "10.1.0.7")
        with pytest.raises(Garbled, match=r"told so \(1\)"):
            await remove_host(target, "ABQ_1")


async def test_without_a_key_the_greeting_is_all() -> None:
    async with Dhcp().running() as target:
        assert await speak(target) == "greeting answered"
