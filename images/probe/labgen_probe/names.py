"""`names`: resolve `names` as every program here would (getaddrinfo), all at once, within three seconds.

The answer has `results` by name: `addresses` (IPv4 and IPv6), `error` when the resolver says that there are
none, `fault` when it could not say anything.
"""

from __future__ import annotations

import socket
import threading
import time
from queue import Empty, SimpleQueue

from labgen_probe.resolver import answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["answer", "resolve"]

_SECONDS = 3.0
_THREADS = 32
#: "There is no such name", "it has no address", and what SERVFAIL comes to, which is what the engine's
#: resolver says of a name that none of its networks has when it may ask nobody else. All others are faults:
#: EAI_SYSTEM and EAI_MEMORY are troubles here, EAI_FAIL and EAI_FAMILY are no statements about a name.
_UNKNOWN = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN})


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve every name."""
    names = request["names"]
    if not isinstance(names, list):
        raise TypeError("'names' is not a list")
    deadline = time.monotonic() + _SECONDS
    late = {"addresses": [], "fault": f"no answer within {_SECONDS:g} s"}
    results: dict[str, dict[str, Any]] = {str(name): late for name in names}
    doubtful: set[str] = set()
    for name, found, code in _resolved(list(results), deadline):
        results[name] = found
        if code == socket.EAI_AGAIN:
            doubtful.add(name)
    # A name server that is gone looks the same as one that does not know a name.
    if doubtful and not answers(min(doubtful), max(deadline - time.monotonic(), 0.1)):
        for name in doubtful:
            results[name] = {"addresses": [], "fault": "no name server answers"}
    return {"results": results}


def resolve(name: str) -> tuple[dict[str, Any], int]:
    """Return what the resolver says of one name, and the code of its error (0 for none)."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        code = error.errno or 0
        return {"addresses": [], "error" if code in _UNKNOWN else "fault": error.strerror or str(error)}, code
    except (OSError, ValueError) as error:
        return {"addresses": [], "fault": str(error)}, 0
    return {"addresses": sorted({str(one[4][0]) for one in found})}, 0


def _resolved(names: list[str], deadline: float) -> list[tuple[str, dict[str, Any], int]]:
    """Return what was said of each name until `deadline` (monotonic seconds)."""
    asked: SimpleQueue[str] = SimpleQueue()
    said: SimpleQueue[tuple[str, dict[str, Any], int]] = SimpleQueue()
    for name in names:
        asked.put(name)

    def work() -> None:
        while True:
            try:
                name = asked.get_nowait()
            except Empty:
                return
            said.put((name, *resolve(name)))

    for _ in range(min(len(names), _THREADS)):
        # Nobody can interrupt getaddrinfo: a thread that never comes back must not keep the probe alive.
        threading.Thread(target=work, daemon=True).start()
    found: list[tuple[str, dict[str, Any], int]] = []
    while len(found) < len(names):
        try:
            found.append(said.get(timeout=max(deadline - time.monotonic(), 0)))
        except Empty:
            break
    return found
