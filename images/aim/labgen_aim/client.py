"""The caller's side: one connection to an agent, one call after the other; it blocks."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Self

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException

from labgen_aim.calls import CALLS, Message

# An answer is a list of machines with their descriptions, a few KiB each.
_LONGEST_STRING, _LONGEST_LIST = 4 << 20, 10_000


class Misspoken(Exception):
    """The agent answered, but not as the protocol demands, or that it cannot do the call at all."""


class Client:
    """A connection to an agent; a context manager, and of one thread at a time."""

    def __init__(self, host: str, port: int, patience: float) -> None:
        """Prepare to speak to HOST; PATIENCE, in seconds, is for connecting and for each wait."""
        self._place, self._patience = (host, port), patience
        self._socket = TSocket()
        self._transport = TBufferedTransport(self._socket)
        self._protocol = TBinaryProtocol(
            self._transport, string_length_limit=_LONGEST_STRING, container_length_limit=_LONGEST_LIST
        )
        self._sequence = 0

    def __enter__(self) -> Self:
        """Connect. Raises OSError (TimeoutError among them)."""
        # Thrift's own way to connect forgets what the socket said.
        self._socket.setHandle(socket.create_connection(self._place, self._patience))
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def abandon(self) -> None:
        """Have whoever waits for an answer wait no longer; the one method for another thread."""
        handle = self._socket.handle
        if handle is not None:
            # It may have been closed meanwhile.
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def call(self, name: str, *arguments: str) -> Any:
        """Have the agent do the call NAME and return its result.

        Raises:
            HostError, LibvirtFailed: the agent refuses, in its own words.
            Misspoken: the answer is none of this call, or the agent does not know the call.
            OSError: the connection ended; TimeoutError when the agent was silent for too long.
        """
        call = CALLS[name]
        self._sequence += 1
        request = Message()
        for argument, value in zip(call.arguments, arguments, strict=True):
            setattr(request, argument, value)
        wire, reply = self._protocol, Message()
        try:
            wire.writeMessageBegin(name, TMessageType.CALL, self._sequence)
            wire.writeStruct(request, call.arguments_spec)
            wire.writeMessageEnd()
            self._transport.flush()
            answered, kind, sequence = wire.readMessageBegin()
            if kind == TMessageType.EXCEPTION:
                fault = TApplicationException()
                fault.read(wire)
                raise Misspoken(f"{name}: {fault.message}")
            wire.readStruct(reply, call.reply_spec)
            wire.readMessageEnd()
        except TTransportException as error:
            if error.type in (TTransportException.NEGATIVE_SIZE, TTransportException.SIZE_LIMIT):
                raise Misspoken(f"{name}: {error}") from error
            raise _os_error(error) from error
        except (TException, UnicodeError, MemoryError) as error:
            raise Misspoken(f"{name}: {error}") from error
        if (answered, sequence, kind) != (name, self._sequence, TMessageType.REPLY):
            raise Misspoken(f"{name}: the answer is number {sequence} of {answered!r}, type {kind}")
        if reply.failure is not None:
            raise reply.failure
        if call.result is not None and reply.success is None:
            raise Misspoken(f"{name}: neither a result nor an exception")
        return reply.success


def _os_error(error: TTransportException) -> OSError:
    """Return what the socket itself said; Thrift wraps it."""
    inner = error.inner
    if isinstance(inner, OSError):
        return inner
    return ConnectionResetError(str(error.message or "the agent ended the connection"))
