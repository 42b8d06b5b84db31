"""Leases at the DHCP service over OMAPI (platform.md 2.10, row 30): one `host` object for each machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labgen_stub.wire.omapi import add_host, remove_host

if TYPE_CHECKING:
    from labgen_stub.settings import Neighbour
    from labgen_stub.wire import Target

_PATIENCE = 5.0


class Leases:
    """At the first DHCP service among a node's neighbours; both may be done twice."""

    def __init__(self, place: Neighbour, target: Target) -> None:
        self.place, self._target = place, target

    async def add(self, name: str, mac: str, address: str) -> None:
        """Give a network card an address. Raises OSError, `Garbled` with the server's reason."""
        async with asyncio.timeout(_PATIENCE):
            await add_host(self._target, name, mac, address)

    async def remove(self, name: str) -> None:
        """Take it back; that there is none is well. Raises as `add`."""
        async with asyncio.timeout(_PATIENCE):
            await remove_host(self._target, name)
