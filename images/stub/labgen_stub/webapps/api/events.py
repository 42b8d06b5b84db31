"""Events of the platform that a request makes without changing anything else: a login, for example.

Whatever changes state tells it in the same transaction (`work.happenings`). These here take the same way,
through MySQL and the outbox, but a request does not wait for it. While MySQL is away they go straight to
the fanout exchange that M reads (platform.md 2.4, 2.5).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import EVENTS_EXCHANGE, EVENTS_KIND
from labgen_stub.webapps.api.work import happenings
from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.links.broker import Broker
    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.user import User
    from labgen_stub.webapps.api.work.ports import Transactions

log = logging.getLogger(__name__)
_BACKLOG = 1000
_PAUSE = 1.0
_TIMEOUT = 5.0


def event(action: str, entity: str, user: User, uri: str) -> dict[str, object]:
    """One event; field names as M hands them on."""
    return {
        "timestamp": round(time.time() * 1000),
        "type": entity,
        "action": action,
        "entity": entity,
        "severity": "INFO",
        "component": "API",
        "context": "API",
        "user": user.nick,
        "userURI": uri,
        "enterpriseName": user.enterprise_name,
        "enterpriseURI": uri.partition("/users/")[0],
        "entityURI": uri,
    }


class Events:
    """A request never waits: events queue up here and leave in order."""

    def __init__(
        self, broker: Broker | None, database: Transactions, wake: Callable[[], None] = lambda: None
    ) -> None:
        """Keep where events go; `wake` is called when there is a message to send."""
        self._broker, self._database, self._wake = broker, database, wake
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(_BACKLOG)

    def publish(self, what: dict[str, object]) -> None:
        """Take an event on its way; beyond a thousand waiting ones the newest is dropped, and told."""
        try:
            self._waiting.put_nowait(what)
        except asyncio.QueueFull:
            log.warning("event dropped: the platform is away for too long", extra={"action": what["action"]})

    async def run(self) -> None:
        """Send what waits, for ever, each event until it is with MySQL, or the broker has confirmed it."""
        while True:
            await self._deliver(await self._waiting.get())

    async def _deliver(self, what: dict[str, object]) -> None:
        while True:
            if await self._write(what) or await self._send(what):
                return
            await asyncio.sleep(_PAUSE)

    async def _write(self, what: dict[str, object]) -> bool:
        enterprise = str(what["enterpriseURI"]).rpartition("/")[2]

        async def work(session: Session) -> None:
            await happenings.write(session, what, int(enterprise) if enterprise.isdigit() else None)

        try:
            await self._database.transact(work)
        except Unavailable as error:
            log.debug("event past MySQL", extra={"reason": str(error)})
            return False
        self._wake()
        return True

    async def _send(self, what: dict[str, object]) -> bool:
        if self._broker is None:
            return False
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._broker.publish(EVENTS_EXCHANGE, EVENTS_KIND, "", json.dumps(what).encode())
        except (Garbled, OSError) as error:
            log.debug("event waits", extra={"reason": str(error)})
            return False
        return True
