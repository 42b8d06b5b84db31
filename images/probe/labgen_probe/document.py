"""The checks of `speak`, and their results.

A request has `checks`, each with `id`, `protocol`, `transport`, `host`, `port`, `timeout` (seconds) and
`options`, and `secrets` by name (`ca` is the lab's CA in PEM):

    {"op": "speak", "checks": [{"id": "22", "protocol": "redis", "host": "redis-1", "port": 6379}]}

The answer has one result for each check:

    {"results": [{"id": "22", "outcome": "spoken", "evidence": "PING answered by PONG", "ms": 1.2}]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labgen_stub.wire import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIMEOUT, LONGEST_TIMEOUT = 3.0, 60.0
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Check:
    """One question; `fault` says why it cannot be put, if so."""

    id: str
    target: Target | None
    timeout: float = DEFAULT_TIMEOUT
    fault: str = ""


def read_checks(request: Mapping[str, Any]) -> list[Check]:
    """Return the checks of a request. A malformed check becomes one with a fault: it gets its result too.

    Raises:
        TypeError: the request has no list of checks, or its secrets are no object.
    """
    checks, given = request.get("checks"), request.get("secrets") or {}
    if not isinstance(checks, list):
        raise TypeError("the request has no list 'checks'")
    if not isinstance(given, dict):
        raise TypeError("'secrets' is not an object")
    secrets = {str(name): str(value) for name, value in given.items()}
    return [_check(row, position, secrets) for position, row in enumerate(checks)]


def _check(row: Any, position: int, secrets: Mapping[str, str]) -> Check:
    if not isinstance(row, dict):
        return Check(str(position), None, fault="the check is not an object")
    name = str(row.get("id", position))
    try:
        timeout = min(max(float(row.get("timeout") or DEFAULT_TIMEOUT), 0.05), LONGEST_TIMEOUT)
        options = row.get("options") or {}
        transport = str(row.get("transport") or "tcp")
        target = Target(
            str(row["protocol"]), str(row["host"]), int(row["port"]), options, secrets, timeout, transport
        )
    except (KeyError, TypeError, ValueError) as error:
        return Check(name, None, fault=f"malformed check: {type(error).__name__} {error}")
    if not 0 < target.port <= LAST_PORT:
        return Check(name, None, fault=f"malformed check: port {target.port} does not exist")
    if not isinstance(options, dict) or transport not in ("tcp", "udp", "vrrp"):
        return Check(name, None, fault="malformed check: 'options' or 'transport'")
    return Check(name, target, timeout)
