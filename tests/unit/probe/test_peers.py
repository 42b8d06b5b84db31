"""What members of a cluster say to each other, as far as somebody who is none can ask it."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.wire import Target
from labgen_stub.wire.outcome import Outcome, Result, question
from labgen_stub.wire.zookeeper_election import number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

NAMES = struct.pack(">I", 4369) + b"name rabbit at port 25672\n"
NAME = b"rabbit@rabbitmq-2"
CHALLENGE = b"N" + struct.pack(">QIIH", 7, 1234, 5, len(NAME)) + NAME
VOTE = struct.pack(">iqqqqii", 2, 3, 9, 1, 4, 2, 0)


def packet(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def leader_info(kind: int = 17, version: int = 0x10000) -> bytes:
    return struct.pack(">iqi", kind, 5 << 32, 4) + struct.pack(">ii", version, -1)


def vote(content: bytes = VOTE) -> bytes:
    return struct.pack(">i", len(content)) + content


@asynccontextmanager
async def recording(answer: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that keeps what it hears and says one thing."""
    heard = bytearray()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65536))
        writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1], heard
        await over.wait()
    finally:
        listener.close()


async def asked(protocol: str, answer: bytes) -> tuple[Result, bytes]:
    async with recording(answer) as (port, heard):
        result = await question(Target(protocol, "127.0.0.1", port), 2)
        return result, bytes(heard)


@pytest.mark.parametrize(
    ("protocol", "answer", "evidence"),
    [
        ("epmd", NAMES, "names: rabbit at port 25672"),
        ("erlang", packet(b"sok") + packet(CHALLENGE), "status ok, challenge of rabbit@rabbitmq-2"),
        ("zookeeper-election", vote(), "vote: leading, for 3, epoch 4"),
        ("zookeeper-quorum", leader_info(), "leader's epoch 5"),
    ],
)
async def test_spoken(protocol: str, answer: bytes, evidence: str) -> None:
    result, _ = await asked(protocol, answer)
    assert (result.outcome, result.evidence) == (Outcome.SPOKEN, evidence)


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("epmd", b""),
        ("epmd", struct.pack(">I", 4369)),
        ("epmd", struct.pack(">I", 4369) + b"name rabbitmqcli at port 1\n"),
        ("erlang", packet(b"snot_allowed")),
        ("erlang", packet(b"salive")),
        ("erlang", packet(b"sok")),
        ("erlang", packet(b"sok") + packet(b"N")),
        ("erlang", packet(b"sok") + packet(b"x" + CHALLENGE[1:])),
        ("zookeeper-election", b""),
        ("zookeeper-election", vote(b"")),
        ("zookeeper-election", struct.pack(">i", -1)),
        ("zookeeper-election", vote(struct.pack(">iqqqq", 7, 3, 9, 1, 4))),
        ("zookeeper-quorum", b""),
        ("zookeeper-quorum", leader_info(kind=10)),
        ("zookeeper-quorum", leader_info(version=1)),
        ("zookeeper-quorum", struct.pack(">iqii", 17, 0, 0, -1)),
    ],
)
async def test_garbled(server: Callable[..., Any], protocol: str, answer: bytes) -> None:
    async with server(answer, close=True) as port:
        result = await question(Target(protocol, "127.0.0.1", port), 2)
    assert result.outcome is Outcome.GARBLED, result.evidence


@pytest.mark.parametrize("protocol", ["epmd", "erlang", "zookeeper-election", "zookeeper-quorum"])
async def test_refused(protocol: str, server: Callable[..., Any]) -> None:
    async with server() as port:
        pass
    assert (await question(Target(protocol, "127.0.0.1", port), 2)).outcome is Outcome.REFUSED


async def test_who_asks_is_no_member_and_nobody_twice() -> None:
    """A server drops the connection of a smaller number, and an older one of the same number."""
    _, heard = await asked("zookeeper-election", vote())
    version, number, length = struct.unpack_from(">qqi", heard)
    assert (version, number) == (-65536, number_of("127.0.0.1"))
    assert heard[20 : 20 + length] == b"0.0.0.0:3888"
    message = heard[20 + length :]
    assert struct.unpack(">iiqqqqi", message) == (40, 0, number, 0, 0, 0, 1)
    assert 1 << 40 <= number_of("10.0.0.1") < number_of("10.0.0.2") < 1 << 41


async def test_an_observer_without_data_is_introduced_to_the_leader() -> None:
    _, heard = await asked("zookeeper-quorum", leader_info())
    assert struct.unpack(">iqiqiqi", heard) == (16, 0, 20, number_of("127.0.0.1"), 0x10000, 0, -1)


async def test_an_erlang_node_bears_a_name_that_is_the_same_each_time() -> None:
    _, heard = await asked("erlang", packet(b"sok") + packet(CHALLENGE))
    length, kind, flags, _, size = struct.unpack_from(">HcQIH", heard)
    assert (kind, flags & 1, length) == (b"N", 0, len(heard) - 2)
    assert heard[-size:] == b"labgen-127-0-0-1@probe"
