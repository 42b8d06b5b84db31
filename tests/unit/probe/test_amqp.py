"""AMQP without a client library: what a broker may answer, and what is made of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.wire import Garbled, Target
from labgen_stub.wire.amqp import speak
from pamqp import commands, frame

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

START = frame.marshal(commands.Connection.Start(0, 9, {}, "PLAIN", "en_US"), 0)
TUNE = frame.marshal(commands.Connection.Tune(0, 131072, 60), 0)
OPEN = frame.marshal(commands.Connection.OpenOk(), 0)
CHANNEL = frame.marshal(commands.Channel.OpenOk(), 1)
CHANNEL_CLOSED = frame.marshal(commands.Channel.CloseOk(), 1)
CLOSED = frame.marshal(commands.Connection.CloseOk(), 0)
REFUSED = frame.marshal(commands.Connection.Close(403, "ACCESS_REFUSED - Login was refused", 0, 0), 0)
HEARTBEAT = b"\x08\0\0\0\0\0\0\xce"


def broker(port: int) -> Target:
    return Target("amqp", "127.0.0.1", port, options={"vhost": "/x"}, secrets={"rabbitmq_password": "secret"})


async def test_all_that_is_due_in_its_order(server: Callable[..., Any]) -> None:
    async with server(START, TUNE, OPEN, CHANNEL, CHANNEL_CLOSED, CLOSED) as port:
        assert await speak(broker(port)) == "connection to vhost /x and a channel opened"


async def test_no_more_is_agreed_on_than_the_server_allows() -> None:
    """RabbitMQ hangs up on a client that wants no limit where it has one."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (START, frame.marshal(commands.Connection.Tune(7, 8192, 60), 0), b""):
            heard.extend(await reader.read(65536))
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        with pytest.raises(Garbled):
            await speak(broker(listener.sockets[0].getsockname()[1]))
    agreed = commands.Connection.TuneOk(7, 8192, 0)
    assert frame.marshal(agreed, 0) in heard


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((START, REFUSED), "AMQP: 403 ACCESS_REFUSED - Login was refused"),
        ((START, OPEN), "AMQP: Connection.Tune was due, and Connection.OpenOk came"),
        ((START, HEARTBEAT), "AMQP: Connection.Tune was due, and Heartbeat came"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "no frame of AMQP: b'HTTP/1.'"),
        ((b"\x01\0\0\0\0\0\x04\0\x0a\xff\xff\xce",), "no frame of AMQP: "),
    ],
)
async def test_what_is_no_log_in(server: Callable[..., Any], answers: tuple[bytes, ...], said: str) -> None:
    async with server(*answers) as port:
        with pytest.raises(Garbled) as caught:
            await speak(broker(port))
    assert str(caught.value).startswith(said)


async def test_who_hangs_up(server: Callable[..., Any]) -> None:
    async with server(START, close=True) as port:
        with pytest.raises(Garbled, match=r"closed after 0 bytes|connection reset during the dialogue"):
            await speak(broker(port))
