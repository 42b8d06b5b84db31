"""AMQP 0-9-1: open a connection and a channel (platform.md 2.5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

from pamqp import commands, frame, header
from pamqp.exceptions import PAMQPException

from labgen_stub.wire.stream import connected
from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    import asyncio

    from aio_pika.abc import AbstractConnection
    from pamqp.base import Frame
    from pamqp.common import FieldTable
    from pamqp.frame import FrameTypes

_Wanted = TypeVar("_Wanted", bound="Frame")
_NAME = "labgen-probe"
_HEAD = struct.Struct(">BHI")  # kind, channel, size (AMQP 0-9-1, 2.3.5)
_KINDS = frozenset({1, 8})  # a method, a heartbeat
_LARGEST = 131072


async def open_connection(target: Target, name: str) -> AbstractConnection:
    """Log in as option `user` to option `vhost` with secret `rabbitmq_password`.

    The connection does not mend itself: the caller sees its end and decides.

    Raises:
        OSError: from the transport.
        Garbled: the broker refuses the login or does not speak AMQP.
    """
    import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour
    from aio_pika.exceptions import AMQPError  # noqa: PLC0415 - loaded by whoever has such a neighbour

    try:
        return await aio_pika.connect(
            host=target.host,
            port=target.port,
            login=target.option("user", "abiquo"),
            password=target.secret("rabbitmq_password"),
            virtualhost=target.option("vhost", "/"),
            timeout=target.patience,
            client_properties={"connection_name": name},
            # A peer that vanished without a word is noticed within two of these.
            heartbeat=10,
        )
    except AMQPError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from error
        if isinstance(error, OSError):
            raise
        raise Garbled(f"AMQP login: {type(error).__name__} {error}"[:200]) from error


async def speak(target: Target) -> str:
    """Open a connection and a channel, then close both in order.

    Without the client library, which takes longer to load than all of this: most who ask this ask once.

    Raises:
        OSError: from the transport.
        Garbled: the broker refuses the login or does not speak AMQP.
    """
    vhost = target.option("vhost", "/")
    answer = f"\0{target.option('user', 'abiquo')}\0{target.secret('rabbitmq_password')}"
    about: FieldTable = {"connection_name": _NAME, "capabilities": {"authentication_failure_close": True}}
    async with connected(target) as streams:
        talk = _Talk(*streams)
        await talk.say(header.ProtocolHeader(), commands.Connection.Start, 0)
        tune = await talk.say(
            commands.Connection.StartOk(about, "PLAIN", answer), commands.Connection.Tune, 0
        )
        # No more than the server allows, and no heartbeats: this is over at once.
        agreed = commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0)
        await talk.say(commands.Connection.Open(vhost), commands.Connection.OpenOk, 0, before=agreed)
        await talk.say(commands.Channel.Open(), commands.Channel.OpenOk, 1)
        await talk.say(commands.Channel.Close(200, "", 0, 0), commands.Channel.CloseOk, 1)
        await talk.say(commands.Connection.Close(200, "", 0, 0), commands.Connection.CloseOk, 0)
    return f"connection to vhost {vhost} and a channel opened"


class _Talk:
    """A connection on which each frame has one answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(
        self, said: FrameTypes, wanted: type[_Wanted], channel: int, *, before: Frame | None = None
    ) -> _Wanted:
        """Send a frame, after one that has no answer; return the answer. Raises Garbled for any other."""
        if before is not None:
            self._writer.write(frame.marshal(before, channel))
        self._writer.write(frame.marshal(said, channel))
        await self._writer.drain()
        found = await self._hear()
        if isinstance(found, commands.Connection.Close):
            raise Garbled(f"AMQP: {found.reply_code} {found.reply_text}"[:200])
        if not isinstance(found, wanted):
            raise Garbled(f"AMQP: {wanted.name} was due, and {getattr(found, 'name', found)} came"[:200])
        return found

    async def _hear(self) -> FrameTypes:
        head = await self._reader.readexactly(_HEAD.size)
        kind, _, size = _HEAD.unpack(head)
        if kind not in _KINDS or size > _LARGEST:
            raise Garbled(f"no frame of AMQP: {head!r}")
        body = await self._reader.readexactly(size + 1)
        try:
            found: FrameTypes = frame.unmarshal(head + body)[2]
        except (PAMQPException, ValueError, LookupError, struct.error) as error:
            raise Garbled(f"no frame of AMQP: {error}"[:200]) from error
        return found
