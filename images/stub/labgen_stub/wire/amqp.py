"""AMQP 0-9-1: open a connection and a channel (platform.md 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.wire.target import Garbled, Target

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection


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
    """Open a connection and a channel, then close both in order."""
    connection = await open_connection(target, "labgen-probe")
    try:
        channel = await connection.channel()
        await channel.close()
    finally:
        await connection.close()
    return f"connection to vhost {target.option('vhost', '/')} and a channel opened"
