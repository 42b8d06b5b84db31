"""VSM, the virtual system monitor: sees every second how the watched machines are, and tells what changed.

A change is told first and kept then, so that a restart in between tells it once more and never less. It is
told when it is seen twice: an answer of the host that is old by the time it comes would be news otherwise,
younger than the end of the task which that machine was in.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from labgen_stub import messages
from labgen_stub.links.errors import Unavailable
from labgen_stub.messages import MachineEvent
from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from labgen_stub.webapps.remote.backends import Backend, Sighting
    from labgen_stub.webapps.remote.subscriptions import Subscriptions

    Tell = Callable[[MachineEvent], Awaitable[None]]

log = logging.getLogger(__name__)
PERIOD = 1.0
_PATIENCE = 10.0
GONE, UNKNOWN = "GONE", "UNKNOWN"


class Monitor:
    """Watches all hosts of a node, each at its own pace: one that is silent keeps nobody waiting."""

    def __init__(
        self,
        datacenter: str,
        backend: Backend,
        subscriptions: Subscriptions,
        tell: Tell,
        period: float = PERIOD,
    ) -> None:
        self._datacenter, self._backend, self._subscriptions = datacenter, backend, subscriptions
        self._tell, self._period = tell, period
        self._known: dict[str, str] = {}

    async def run(self) -> None:
        """Watch for ever."""
        await asyncio.gather(*(self._watch(host) for host in self._backend.hosts()))

    async def _watch(self, host: str) -> None:
        loop, complaint = asyncio.get_running_loop(), ""
        while True:
            start = loop.time()
            try:
                await self.look(host)
                if complaint:
                    log.info("watching again", extra={"host": host})
                complaint = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                text = f"{type(error).__name__}: {error}"[:300]
                if text != complaint:
                    log.warning("cannot watch", extra={"host": host, "reason": text})
                complaint = text
            await asyncio.sleep(max(self._period - (loop.time() - start), self._period / 10))

    async def look(self, host: str) -> None:
        """Look at one host once, and tell what changed since the last time.

        Raises:
            OSError, Unavailable, Garbled: the host, Redis or RabbitMQ; nothing is lost, all is told next
            time.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                seen = await self._backend.states(host)
        except (OSError, Unavailable, Garbled):
            await self._host_is(host, "STOPPED")
            raise
        await self._host_is(host, "MANAGED")
        # Read after the host was asked: who is not watched any more by now may have been taken away already.
        last = await self._subscriptions.last_seen(host)
        changed = {uuid: state for uuid in last if (state := _news(seen.get(uuid), last[uuid]))}
        if not changed:
            return
        # Whoever changes a machine later than this has the last word.
        at = messages.now()
        async with asyncio.timeout(_PATIENCE):
            seen = await self._backend.states(host)
        for uuid, state in changed.items():
            if _news(seen.get(uuid), last[uuid]) != state:
                continue
            watched = await self._subscriptions.get(uuid)
            if watched is None:
                continue
            await self._tell(MachineEvent(self._datacenter, host, uuid, watched.name, state, at))
            await self._subscriptions.saw(uuid, host, state, at)

    async def _host_is(self, host: str, state: str) -> None:
        if self._known.get(host) != state:
            await self._subscriptions.host_is(host, state)
            self._known[host] = state


def _news(sighting: Sighting | None, before: str) -> str:
    """Return the state that is worth telling after `before`; nothing when there is none."""
    state = sighting.state if sighting else GONE
    # Not there yet is not gone, and a host that does not know says nothing.
    return "" if state in (before, UNKNOWN) or (state == GONE and not before) else state


def routes(context: str, subscriptions: Subscriptions) -> list[BaseRoute]:
    """`/vsm/virtualmachines[/{uuid}]`, `/vsm/physicalmachines`: what is watched. The paths are our own."""

    async def machines(_: Request) -> Response:
        found = [asdict(one) for one in await subscriptions.all()]
        return JSONResponse({"collection": found, "totalSize": len(found)})

    async def machine(request: Request) -> Response:
        found = await subscriptions.get(request.path_params["uuid"])
        if found is None:
            return JSONResponse({"message": "This machine is not watched"}, 404)
        return JSONResponse(asdict(found))

    async def hosts(_: Request) -> Response:
        found = [dict(one) for one in (await subscriptions.hosts()).values()]
        return JSONResponse({"collection": found, "totalSize": len(found)})

    return [
        Route(f"/{context}/virtualmachines", machines),
        Route(f"/{context}/virtualmachines/{{uuid}}", machine),
        Route(f"/{context}/physicalmachines", hosts),
    ]
