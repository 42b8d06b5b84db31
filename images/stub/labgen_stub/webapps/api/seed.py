"""What the lab consists of, written down once: datacenters, regions, remote services, racks.

The leader does it at its start, from its own neighbours, and adds only what is missing: what somebody
changed or named otherwise since stays as it is. A datacenter's rack is made with the datacenter, so one
that was removed does not come back.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub import roles
from labgen_stub.links.errors import Unavailable
from labgen_stub.links.retry import forever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labgen_stub.links.database import Session
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.api.kinton import Transactions

log = logging.getLogger(__name__)
DATACENTER, REGION = "DATACENTER", "PUBLIC_CLOUD_REGION"
RACK = "rack-1"
# What the lab's regions lead to: an endpoint that speaks EC2 (platform.md row 42).
PROVIDER = "AMAZON"


@dataclass(frozen=True, slots=True)
class Site:
    """A datacenter or region to be, with type and address of each of its remote services."""

    uuid: str
    kind: str
    services: tuple[tuple[str, str], ...]


def sites(neighbours: Sequence[Neighbour]) -> list[Site]:
    """Read the sites off the neighbours; a service of the platform's own site serves each of them.

    The first node of a role is the one that is registered: the table holds one service of a type.
    """
    kinds = {roles.DATACENTER: DATACENTER, roles.REGION: REGION}
    found = {one.site: kinds[one.role] for one in neighbours if one.role in kinds}
    shared = [one for one in neighbours if one.site not in found]
    result = []
    for uuid, kind in sorted(found.items()):
        services: dict[str, str] = {}
        for neighbour in [*(one for one in neighbours if one.site == uuid), *shared]:
            for service, uri in roles.services(neighbour):
                services.setdefault(service, uri)
        result.append(Site(uuid, kind, tuple(sorted(services.items()))))
    return result


class Seed:
    """Writes the sites down as soon as this node leads."""

    def __init__(
        self, database: Transactions, neighbours: Callable[[], Sequence[Neighbour]], leads: Callable[[], bool]
    ) -> None:
        self._database, self._neighbours, self._leads = database, neighbours, leads
        self.done = asyncio.Event()

    async def run(self) -> None:
        """Try for ever, until this node leads and has written."""
        await forever("seed", self.write, once=True)
        self.done.set()

    async def write(self) -> None:
        """Add what is missing.

        Raises:
            Unavailable: this node does not lead, or MySQL does not answer.
        """
        if not self._leads():
            raise Unavailable("this node does not lead")

        places = sites(self._neighbours())

        async def work(session: Session) -> int:
            return sum([await _add(session, site) for site in places])

        added = await self._database.transact(work)
        log.info("sites are written down", extra={"sites": len(places), "added": added})


async def _add(session: Session, site: Site) -> int:
    """Add one site, or what it lacks; return how many rows that took."""
    added = 0
    row = await session.one("SELECT id FROM datacenter WHERE uuid = %s FOR UPDATE", site.uuid)
    if row is not None:
        number = int(row["id"])
    else:
        number = await session.insert(
            "INSERT INTO datacenter (uuid, name, location, kind, provider) VALUES (%s, %s, %s, %s, %s)",
            site.uuid,
            site.uuid,
            "lab",
            site.kind,
            PROVIDER if site.kind == REGION else "",
        )
        added += 1
        if site.kind == DATACENTER:
            await session.insert("INSERT INTO rack (datacenter_id, name) VALUES (%s, %s)", number, RACK)
            added += 1
    known = {
        str(one["type"])
        for one in await session.all("SELECT type FROM remote_service WHERE datacenter_id = %s", number)
    }
    for service, uri in site.services:
        if service not in known:
            await session.insert(
                "INSERT INTO remote_service (datacenter_id, type, uri) VALUES (%s, %s, %s)",
                number,
                service,
                uri,
            )
            added += 1
    return added
