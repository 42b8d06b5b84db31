"""One target of a sweep: what is asked of it, and what became of each question."""

from __future__ import annotations

import socket

from labgen_probe.ports import pack, unpack
from labgen_probe.verdict import FAILED, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Target"]

_LONGEST_TTL = 255


class Target:
    """An address with its ports.

    `found` has an outcome for each asked port from the beginning, `failed`: whatever happens, a port that
    nobody got to is not taken for a closed one, and none is in two outcomes.
    """

    __slots__ = ("_codes", "address", "found", "ports", "ttl")

    def __init__(self, row: Mapping[str, Any]) -> None:
        """Take a row of the request. Raises KeyError, TypeError or ValueError when it is not one."""
        self.address = str(row["address"])
        try:
            socket.inet_pton(socket.AF_INET, self.address)
        except OSError:
            raise ValueError(f"{self.address!r} is no IPv4 address") from None
        self.ttl = int(row.get("ttl") or 0)
        if not 0 <= self.ttl <= _LONGEST_TTL:
            raise ValueError(f"there is no time to live of {self.ttl}")
        self.ports = {kind: unpack(str(row.get(kind) or "")) for kind in ("tcp", "udp")}
        self.found = {kind: dict.fromkeys(ports, FAILED) for kind, ports in self.ports.items()}
        self._codes: dict[tuple[str, int], int] = {}

    def note(self, transport: str, port: int, outcome: str, code: int = 0) -> None:
        """Keep the outcome of one port; `code` is the error behind it, if there was one."""
        self.found[transport][port] = outcome
        if outcome == FAILED:
            self._codes[transport, port] = code

    def fail(self, transport: str, port: int, code: int) -> None:
        """Keep that one port could not be asked."""
        self.note(transport, port, FAILED, code)

    def result(self) -> dict[str, Any]:
        """Return the target's part of the answer."""
        faults: dict[str, str] = {}
        grouped: dict[str, dict[str, str]] = {}
        for transport, asked in self.found.items():
            groups: dict[str, list[int]] = {}
            broken: dict[str, list[int]] = {}
            for port, outcome in asked.items():
                groups.setdefault(outcome, []).append(port)
                if outcome == FAILED:
                    code = self._codes.get((transport, port))
                    words = reason(code) if code is not None else "it was not asked"
                    broken.setdefault(words, []).append(port)
            grouped[transport] = {outcome: pack(ports) for outcome, ports in groups.items()}
            faults |= {f"{transport} {pack(ports)}": words for words, ports in broken.items()}
        return {"address": self.address, **grouped, "faults": faults}
