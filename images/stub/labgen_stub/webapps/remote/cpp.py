"""CPP, the remote service that knows a region's provider (platform.md 2.1): regions, images, instance types.

The documents name the service, its path and its queue of notifications, no more. Here it has
two sides: REST below `/cpp`, and news of the provider's images, which are the region's templates. The news go
to CPP's own queue and not to AM's: a region has no AM, and the vendor's names have a place for CPP (R2).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labgen_stub.links.errors import Unavailable
from labgen_stub.links.store import Store
from labgen_stub.messages import CPP_EVENTS, Disk, TemplateEvent, dump
from labgen_stub.node import Node, WebApp
from labgen_stub.wire import Garbled
from labgen_stub.wire.ec2 import Refused
from labgen_stub.wire.ec2_client import Provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from labgen_stub.links.broker import OpenChannel
    from labgen_stub.wire.ec2_model import Image

    Tell = Callable[[TemplateEvent], Awaitable[None]]

log = logging.getLogger(__name__)
PERIOD = 10.0
# Seconds until a look that failed is made again: at a lab's start somebody it needs is not there yet.
AGAIN = 1.0
# Redis: a hash of the images that were told, by identity.
KNOWN = "PublicCloud:images"
FORMAT = "AMI"
# A mark of images that the platform had made: who asked for one is told by the answer, not by news.
OURS = "abiquo-job"
# Whose the provider's images are: the first enterprise's, which is the platform's own.
_ENTERPRISE = 1
# What a machine of a provider's image is given at first: the smallest type fits.
_CPU, _RAM = 1, 512


def build(context: str, node: Node) -> WebApp:
    """Build `/cpp`. Without a provider it only has its `/check`."""
    providers = node.settings.to("ec2")
    if not providers:
        return WebApp([])
    provider = Provider(node.target(providers[0]))
    if (broker := node.broker) is None:
        return WebApp(routes(context, provider))

    async def tell(event: TemplateEvent) -> None:
        await broker.publish(CPP_EVENTS.exchange, CPP_EVENTS.kind, CPP_EVENTS.queue, dump(event))

    news = News(node.settings.datacenter_id, provider, Store(node.settings.to("redis")), tell)
    node.checks.add(news.fault)
    return WebApp(routes(context, provider, news), setups=[news.setup], tasks=[news.run])


class News:
    """Tells which images the provider has: all on each connection to the broker, then what changes."""

    def __init__(
        self,
        datacenter: str,
        provider: Provider,
        store: Store,
        tell: Tell,
        *,
        period: float = PERIOD,
        again: float = AGAIN,
    ) -> None:
        self._datacenter, self._provider, self._store = datacenter, provider, store
        self._tell, self._period, self._again = tell, period, again
        self._told: dict[str, Image] = {}
        self._connected = asyncio.Event()
        self._all_told = False

    async def fault(self) -> str:
        """Say, as a part of `/check`, that nothing of this region can be deployed yet; then nothing."""
        return "" if self._all_told else "the provider's images have not been told yet"

    async def setup(self, open_channel: OpenChannel) -> None:
        """Declare the queue. A broker that is new, or lost what it had, is told everything."""
        import aio_pika  # noqa: PLC0415 - loaded by whoever has such a neighbour

        channel = await open_channel()
        kind = aio_pika.ExchangeType(CPP_EVENTS.kind)
        exchange = await channel.declare_exchange(CPP_EVENTS.exchange, kind, durable=True)
        queue = await channel.declare_queue(CPP_EVENTS.queue, durable=True)
        await queue.bind(exchange, CPP_EVENTS.queue)
        self._told.clear()
        self._connected.set()

    async def run(self) -> None:
        """Look for ever, and at once when a connection stands."""
        complaint = ""
        while True:
            self._connected.clear()
            pause = self._period
            try:
                await self.look()
                complaint, self._all_told = "", True
            except (OSError, Unavailable, Garbled, Refused) as error:
                text = f"{type(error).__name__}: {error}"[:300]
                if text != complaint:
                    log.warning("cannot tell the provider's images", extra={"reason": text})
                complaint, pause = text, self._again
            try:
                async with asyncio.timeout(pause):
                    await self._connected.wait()
            except TimeoutError:
                continue

    async def deregister(self, identity: str) -> None:
        """Have the provider forget an image, and tell so soon: also if this is killed in between.

        Raises:
            OSError, Garbled, Refused, Unavailable: as `look`.
        """
        image = await self._provider.image(identity)
        # What is remembered and not there is told as gone, one that was never looked at, too.
        await self._store.do("hset", KNOWN, image.id, image.name)
        await self._provider.deregister(image.id)
        self._connected.set()

    async def look(self) -> None:
        """Tell what is new, what changed and what is gone since the last look. What failed is told again.

        Raises:
            OSError, Garbled, Refused, Unavailable: the provider, RabbitMQ or Redis.
        """
        images = {one.id: one for one in await self._provider.images() if one.state == "available"}
        known = cast("Mapping[str, str]", await self._store.do("hgetall", KNOWN))
        for one in images.values():
            if self._told.get(one.id) == one:
                continue
            # Remembered before it is told: what is never told and goes is taken back, which does no harm.
            await self._store.do("hset", KNOWN, one.id, one.name)
            if OURS not in one.tags:
                await self._tell(self._event(one.id, one.name, "DONE", one))
            self._told[one.id] = one
        for gone in sorted(set(known) - set(images)):
            await self._tell(self._event(gone, known[gone], "DELETED"))
            await self._store.do("hdel", KNOWN, gone)
            self._told.pop(gone, None)

    def _event(self, identity: str, name: str, state: str, image: Image | None = None) -> TemplateEvent:
        return TemplateEvent(
            self._datacenter,
            _ENTERPRISE,
            state,
            name or identity,
            Disk(identity, FORMAT, image.size if image else 0),
            image.description if image else "",
            _CPU,
            _RAM,
        )


def routes(context: str, provider: Provider, news: News | None = None) -> list[BaseRoute]:
    """`/cpp/regions`, `/cpp/images[/{id}]`, `/cpp/instancetypes`. The paths are this lab's own.

    DELETE of an image deregisters it at the provider; it needs `news`, by which the API hears of it.
    """

    async def regions(_: Request) -> Response:
        return _all({"name": one} for one in await provider.regions())

    async def images(_: Request) -> Response:
        return _all(asdict(one) for one in await provider.images())

    async def image(request: Request) -> Response:
        if request.method == "DELETE" and news is not None:
            await news.deregister(request.path_params["id"])
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return JSONResponse(asdict(await provider.image(request.path_params["id"])))

    async def types(_: Request) -> Response:
        return _all(asdict(one) for one in await provider.types())

    return [
        Route(f"/{context}/regions", _answering(regions)),
        Route(f"/{context}/images", _answering(images)),
        Route(f"/{context}/images/{{id}}", _answering(image), methods=["GET", *(["DELETE"] if news else [])]),
        Route(f"/{context}/instancetypes", _answering(types)),
    ]


def _all(documents: Iterable[dict[str, Any]]) -> Response:
    found = list(documents)
    return JSONResponse({"collection": found, "totalSize": len(found)})


def _answering(ask: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer 404 for what the provider does not have, 503 when it cannot be asked."""

    async def answer(request: Request) -> Response:
        try:
            return await ask(request)
        except Refused as error:
            absent = error.code.startswith("InvalidAMIID")
            return JSONResponse({"message": str(error)}, 404 if absent else 503)
        except (OSError, Garbled, Unavailable) as error:
            return JSONResponse({"message": str(error) or "no answer in time"}, 503)

    return answer
