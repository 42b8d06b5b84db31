"""Whether the machines of the datacenters have been looked for since the sites were written down."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.work.discovery import WITHOUT_MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.webapps.api.work.ports import Transactions

# Longer than a node collector takes; one that never answers is its own trouble, and told as such.
BOUND = 20.0
_PATIENCE = 2.0
_UNSEEN = f"""
SELECT dc.name {WITHOUT_MACHINES}
  AND NOT EXISTS (
    SELECT 1 FROM task WHERE task.owner_kind = 'datacenter' AND task.owner_id = dc.id
        AND task.type = 'DISCOVER' AND task.state <> 'STARTED')
ORDER BY dc.name"""  # noqa: S608 - ours


class FirstLook:
    """A part of `/check`: while no hypervisor is known, no deploy would find room."""

    def __init__(
        self,
        database: Transactions,
        seeded: asyncio.Event,
        leads: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look from when `seeded` is set, on the node that leads; `clock` is in seconds."""
        self._database, self._seeded, self._leads, self._clock = database, seeded, leads, clock
        self._since: float | None = None
        self._over = False

    async def fault(self) -> str:
        """Say which datacenters nobody has looked at; nothing once that is over, or after `BOUND` seconds.

        Nothing is said either while MySQL does not answer: that is the neighbour's fault, and told as such.
        """
        if self._over or not self._leads():
            return ""
        if not self._seeded.is_set():
            return "the sites are not written down yet"
        now = self._clock()
        self._since = now if self._since is None else self._since
        try:
            async with asyncio.timeout(_PATIENCE):
                unseen = [str(row["name"]) for row in await self._database.all(_UNSEEN)]
        except (Unavailable, TimeoutError):
            return ""
        self._over = not unseen or now - self._since > BOUND
        return "" if self._over else f"the machines of {', '.join(unseen)} have not been looked for yet"
