"""Puts the leader's work together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.links.leases import Leases
from labgen_stub.webapps.api.work.leader import Leader
from labgen_stub.webapps.api.work.lessor import Lessor
from labgen_stub.webapps.api.work.notifications import Notifications
from labgen_stub.webapps.api.work.purge import Purge
from labgen_stub.webapps.api.work.watchdog import Watchdog

if TYPE_CHECKING:
    import asyncio

    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.work.outbox import Sender


def leader_of(api: Api, sender: Sender, seeded: asyncio.Event) -> Leader:
    """Return what this node does while it leads: send, consume, look after what got stuck or old.

    `seeded` is set once the sites are written down: before that there is nothing to look after.
    """
    node = api.node
    inboxes = Notifications(api.database, api.store, sender.wake).inboxes()
    watchdog = Watchdog(api.database, sender.wake, seeded)
    duties = [sender.run, watchdog.run, Purge(api.database, node.settings.retention_hours).run]
    if places := node.settings.to("omapi"):
        leases = {one.site: Leases(one, node.target(one)) for one in reversed(places)}
        duties.append(Lessor(node.settings.node, leases, api.database, sender.wake).run)
    return Leader(node.election, node.broker, inboxes, duties)
