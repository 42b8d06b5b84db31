"""A piece of work, tried until it is done, refused, or its time is over; what became of it is an answer."""

from __future__ import annotations

import asyncio
import errno
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import Answer, BadMessage, now
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.wire import Garbled, Misuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from labgen_stub.messages import Request

    Worker = Callable[[Request, Journal], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)
TRANSIENT = (Unavailable, Garbled, OSError)  # TimeoutError is an OSError
# What the operating system (or NFS) says for good: it will say so again.
_FINAL = {
    errno.ENOENT: "is not there",
    errno.ENOSPC: "has no space left",
    errno.EDQUOT: "has no space left",
    errno.EFBIG: "does not take a file of that size",
    errno.ENOTDIR: "has a file where a folder should be",
    errno.EISDIR: "has a folder where a file should be",
    errno.EACCES: "does not allow it",
    errno.EROFS: "cannot be written",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for all tries together, for one, and the pauses between them (the first, the longest)."""

    total: float = 60.0
    each: float = 45.0
    first: float = 0.25
    longest: float = 8.0


async def attempt(
    request: Request,
    server: str,
    worker: Worker,
    patience: Patience,
    turn: Callable[[], AbstractAsyncContextManager[object]],
) -> Answer:
    """Do a request and say what became of it. Never raises, but for cancellation.

    `turn` bounds how many work at once; it is given back during pauses, so that work that waits for a broken
    neighbour does not keep others from a sound one.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + patience.total, patience.first
    while True:
        journal = Journal(request.job)
        try:
            async with turn(), asyncio.timeout(patience.each):
                result = await worker(request, journal)
        except TRANSIENT as error:
            final = _FINAL.get(error.errno or 0) if isinstance(error, OSError) else None
            if final or loop.time() + pause > deadline:
                return failed(request, server, _sentence(error, journal, final), journal.at)
            await asyncio.sleep(pause)
            pause = min(pause * 2, patience.longest)
        except Refused as error:
            return failed(request, server, str(error), error.fault or journal.at)
        except (BadMessage, Misuse) as error:
            return failed(request, server, str(error), server)
        except Exception:
            log.exception("unexpected error", extra={"job": request.job, "work": request.work})
            return failed(request, server, f"Unexpected error at {server}", server)
        else:
            return Answer(
                request.job, request.task, request.work, server, result=result, steps=journal.steps, at=now()
            )


def _sentence(error: Exception, journal: Journal, final: str | None) -> str:
    """Say in one sentence which neighbour failed at what."""
    if final and isinstance(error, OSError) and error.filename:
        return f"{error.filename} at {journal.at or 'this server'} {final}"
    reason = final or (
        str(error) or ("no answer in time" if isinstance(error, TimeoutError) else "no reason")
    )
    return f"{journal.at}: {reason}" if journal.at and journal.at not in reason else reason


def failed(request: Request, server: str, error: str, fault: str) -> Answer:
    """Return the answer to a request that could not be done."""
    text = " ".join(error.split())[:400] or "It failed for no known reason"
    return Answer(request.job, request.task, request.work, server, error=text, fault=fault, at=now())
