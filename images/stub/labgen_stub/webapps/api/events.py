"""Events of the platform, published to the fanout exchange that M reads (platform.md 2.4, 2.5)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from labgen_stub.links.broker import Broker
    from labgen_stub.webapps.api.user import User

log = logging.getLogger(__name__)
EXCHANGE = "abiquo.tracer.fanout"
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
    """A request never waits for the broker: events queue up here and leave in order."""

    def __init__(self, broker: Broker | None) -> None:
        self._broker = broker
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(_BACKLOG)

    def publish(self, what: dict[str, object]) -> None:
        """Take an event on its way; beyond a thousand waiting ones the newest is dropped, and told."""
        try:
            self._waiting.put_nowait(what)
        except asyncio.QueueFull:
            log.warning("event dropped: the broker is away for too long", extra={"action": what["action"]})

    async def run(self) -> None:
        """Send what waits, for ever, each event until the broker has confirmed it."""
        while self._broker is not None:
            body = json.dumps(await self._waiting.get()).encode()
            while True:
                try:
                    async with asyncio.timeout(_TIMEOUT):
                        await self._broker.publish(EXCHANGE, "fanout", "", body)
                    break
                except (Garbled, OSError) as error:
                    log.debug("event waits", extra={"reason": str(error)})
                    await asyncio.sleep(_PAUSE)
