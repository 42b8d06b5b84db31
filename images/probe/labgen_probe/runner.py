"""Puts all questions at once, within bounds, and gives each its one result."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from labgen_stub.wire.outcome import Outcome, Result, question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen_probe.document import Check

AT_ONCE = 128
_RESOLVERS = 32
# Each DHCP question needs the client's port 68 of this network namespace for itself.
_ALONE = frozenset({"dhcp"})


async def run(checks: Sequence[Check], at_once: int = AT_ONCE) -> list[dict[str, Any]]:
    """One result for each check, in the same order. Never raises."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_RESOLVERS))
    places = asyncio.Semaphore(at_once)
    alone = {protocol: asyncio.Semaphore(1) for protocol in _ALONE}

    async def one(check: Check) -> dict[str, Any]:
        if check.target is None:
            result = Result(Outcome.FAILED, check.fault, 0.0)
        else:
            async with alone.get(check.target.protocol, places):
                result = await question(check.target, check.timeout)
        return {
            "id": check.id,
            "outcome": str(result.outcome),
            "evidence": result.evidence,
            "ms": result.ms,
        }

    return list(await asyncio.gather(*(one(check) for check in checks)))
