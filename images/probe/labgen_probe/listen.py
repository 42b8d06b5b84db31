"""`listen`: wait for connections at `addresses`, each at a port of the kernel's choice, until the end.

Whoever gets there has found a way that should not exist. The kernel completes the connections by itself.
The answer has `ports` by address, and `faults` by address where that was not possible.
"""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["answer"]

_BACKLOG = 128
_open: list[socket.socket] = []


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Open the listeners."""
    addresses = request["addresses"]
    if not isinstance(addresses, list):
        raise TypeError("'addresses' is not a list")
    ports: dict[str, int] = {}
    faults: dict[str, str] = {}
    for address in map(str, addresses):
        try:
            ports[address] = _listen(address)
        except OSError as error:
            faults[address] = error.strerror or str(error)
    return {"ports": ports, "faults": faults}


def _listen(address: str) -> int:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind((address, 0))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    _open.append(listener)
    return int(listener.getsockname()[1])
