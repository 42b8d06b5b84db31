"""Templates made of virtual machines: there from the request on, usable from the answer on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.messages import disk as read_disk

if TYPE_CHECKING:
    from labgen_stub.links.database import Session


async def complete(session: Session, template: int, disk: object) -> None:
    """Make a template usable; its disk is where and what the answer says. Raises `BadMessage`."""
    found = read_disk(disk)
    # AM may have announced the same file already: then that row is the same template, found sooner.
    await session.run(
        "DELETE FROM template WHERE path = %s AND id <> %s AND datacenter_id = "
        "(SELECT datacenter_id FROM (SELECT datacenter_id FROM template WHERE id = %s) AS own)",
        found.path,
        template,
        template,
    )
    await session.run(
        "UPDATE template SET state = 'DONE', path = %s, disk_format = %s, disk_size = %s WHERE id = %s",
        found.path,
        found.format,
        found.size,
        template,
    )


async def abandon(session: Session, template: int) -> None:
    """Forget a template that did not come to be."""
    await session.run("DELETE FROM template WHERE id = %s AND state = 'IN_PROGRESS'", template)
