"""The JSON documents of the probe: what is asked, and what is answered.

A document has `checks`, each with `id`, `protocol`, `transport`, `host`, `port`, `timeout` (seconds) and
`options`, and `secrets` by name (`ca` is the lab's CA in PEM):

    {"checks": [{"id": "22", "protocol": "redis", "host": "dc1-redis-1", "port": 6379}], "secrets": {}}

The answer has one result for each check:

    {"results": [{"id": "22", "outcome": "spoken", "evidence": "PING answered by PONG", "ms": 1.2}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labgen_stub.wire import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIMEOUT, LONGEST_TIMEOUT = 3.0, 60.0
LAST_PORT = 65535


class DocumentError(Exception):
    """What came in is not a document of checks at all."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question; `fault` says why it cannot be put, if so."""

    id: str
    target: Target | None
    timeout: float = DEFAULT_TIMEOUT
    fault: str = ""


def parse(text: str | bytes) -> list[Check]:
    """Read a document. A malformed check becomes a check with a fault, so that it gets its result too.

    Raises:
        DocumentError: the text is not JSON, or has no list of checks.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DocumentError(f"the input is not JSON: {error}") from error
    checks = document.get("checks") if isinstance(document, dict) else None
    if not isinstance(checks, list):
        raise DocumentError("the input has no list 'checks'")
    given = document.get("secrets") or {}
    if not isinstance(given, dict):
        raise DocumentError("'secrets' is not an object")
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
    if not isinstance(options, dict) or transport not in ("tcp", "udp"):
        return Check(name, None, fault="malformed check: 'options' or 'transport'")
    return Check(name, target, timeout)
