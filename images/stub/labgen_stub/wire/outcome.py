"""One question, one outcome, always: what became of speaking to a target, and what shows it.

Blocked and broken are never confused: `refused`, `unreachable` and `timeout` are statements of the
transport, seen on a socket of our own; whatever is wrong with the question itself is `failed`.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from enum import StrEnum

from labgen_stub.wire import Garbled, Misuse, Speaker, Target, speaker

_UNREACHABLE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES, errno.EPERM}
)


class Outcome(StrEnum):
    """What became of one question."""

    SPOKEN = "spoken"
    OPEN = "open"
    GARBLED = "garbled"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNRESOLVED = "unresolved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome with its evidence (one line) and how long it took."""

    outcome: Outcome
    evidence: str
    ms: float

    @property
    def good(self) -> bool:
        """True when the target spoke (or, asked for no more, let us in)."""
        return self.outcome in (Outcome.SPOKEN, Outcome.OPEN)


def transport_outcome(error: BaseException) -> Outcome | None:
    """Return what a transport error says by itself, or None when it says nothing certain."""
    if isinstance(error, socket.gaierror):
        return Outcome.UNRESOLVED
    if isinstance(error, ConnectionRefusedError):
        return Outcome.REFUSED
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return Outcome.UNREACHABLE
    if isinstance(error, TimeoutError):
        return Outcome.TIMEOUT
    return None


async def question(
    target: Target, patience: float, second_look: float = 1.0, speak: Speaker | None = None
) -> Result:
    """Speak to a target for at most `patience` seconds; to classify a failure may take `second_look` more.

    `speak` takes the place of the protocol's own adapter (a connection that stands already, say).

    Never raises, but for cancellation.
    """
    start = time.perf_counter()
    try:
        outcome, evidence = await _spoken(target, patience, second_look, speak)
    except Exception as error:  # noqa: BLE001 - a fault of ours must be told apart from a fault of the target
        outcome, evidence = Outcome.FAILED, f"{type(error).__name__}: {error}"
    return Result(outcome, " ".join(evidence.split())[:400], round((time.perf_counter() - start) * 1000, 1))


async def _spoken(
    target: Target, patience: float, second_look: float, speak: Speaker | None
) -> tuple[Outcome, str]:
    try:
        speak = speak or speaker(target.protocol)
        async with asyncio.timeout(patience):
            evidence = await speak(target)
    except Misuse as error:
        return Outcome.FAILED, str(error)
    except Garbled as error:
        complaint = str(error)
        sure = None
    except (struct.error, UnicodeError, IndexError) as error:
        complaint = f"malformed answer: {error}"
        sure = None
    except (
        OSError,
        ssl.SSLError,
        EOFError,
        asyncio.LimitOverrunError,
    ) as error:  # TimeoutError is an OSError
        complaint = f"no answer within {patience:g} s" if isinstance(error, TimeoutError) else str(error)
        sure = transport_outcome(error)
    else:
        return (Outcome.OPEN if target.protocol == "tcp" else Outcome.SPOKEN), evidence
    if target.transport in ("udp", "vrrp") or target.protocol in ("dhcp", "udp"):
        return sure or Outcome.GARBLED, complaint
    return await _second_look(target, complaint, sure, second_look)


async def _second_look(
    target: Target, complaint: str, sure: Outcome | None, patience: float
) -> tuple[Outcome, str]:
    """Tell "connected, but wrong or silent" from "never connected", on a bare connection.

    A client library wraps what the socket said, and a silent server looks like a dropped packet.
    """
    if sure in (Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.UNRESOLVED):
        return sure, complaint
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except OSError as error:
        seen = transport_outcome(error)
        if seen is None:
            return Outcome.FAILED, f"{complaint}; then {error}"
        return seen, f"{complaint}; then {str(error) or f'no connection within {patience:g} s'}"
    writer.transport.abort()
    return Outcome.GARBLED, f"connected, but: {complaint}"
