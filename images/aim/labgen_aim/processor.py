"""The agent's side: one call read, done and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thrift.Thrift import TApplicationException, TMessageType, TType

from labgen_aim.calls import CALLS, Message
from labgen_aim.structures import HostError, LibvirtFailed

if TYPE_CHECKING:
    from collections.abc import Callable


class Processor:
    """Reads one call, has HANDLER do it and writes the answer: what Thrift's servers ask for."""

    def __init__(self, handler: object) -> None:
        """Serve with HANDLER, which has a method for each name in CALLS that it can do."""
        self._handler = handler

    def process(self, iprot: Any, oprot: Any) -> None:
        """Serve one call; an error of the handler is answered, never raised."""
        name, _, sequence = iprot.readMessageBegin()
        call = CALLS.get(name)
        method: Callable[..., Any] | None = getattr(self._handler, name, None)
        if call is None or method is None:
            iprot.skip(TType.STRUCT)
            iprot.readMessageEnd()
            unknown = TApplicationException(TApplicationException.UNKNOWN_METHOD, f"Unknown function {name}")
            self._reply(oprot, TMessageType.EXCEPTION, name, sequence, unknown.write)
            return
        request = Message()
        iprot.readStruct(request, call.arguments_spec)
        iprot.readMessageEnd()
        reply = Message()
        try:
            reply.success = method(*(getattr(request, a, "") or "" for a in call.arguments))
        except call.error as error:
            reply.failure = error
        except LibvirtFailed as error:
            # A call about a disk has no place for libvirt's numbers, only for its words.
            reply.failure = HostError(error.msg)
        except Exception as error:  # noqa: BLE001  # the caller must hear of it, the server must live
            internal = TApplicationException(TApplicationException.INTERNAL_ERROR, repr(error))
            self._reply(oprot, TMessageType.EXCEPTION, name, sequence, internal.write)
            return
        self._reply(
            oprot, TMessageType.REPLY, name, sequence, lambda out: out.writeStruct(reply, call.reply_spec)
        )

    @staticmethod
    def _reply(oprot: Any, kind: int, name: str, sequence: int, write: Callable[[Any], None]) -> None:
        oprot.writeMessageBegin(name, kind, sequence)
        write(oprot)
        oprot.writeMessageEnd()
        oprot.trans.flush()
