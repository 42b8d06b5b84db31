"""AM, the appliance manager: keeps the datacenter's templates, and tells the API which there are."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import deque
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from labgen_stub import messages
from labgen_stub.links.retry import forever
from labgen_stub.node import Node, WebApp
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.remote import qemu_img, share_of
from labgen_stub.webapps.remote.am.access import Access
from labgen_stub.webapps.remote.am.repository import Templates
from labgen_stub.webapps.remote.am.resources import Resources
from labgen_stub.webapps.remote.am.uploads import Upload
from labgen_stub.webapps.remote.places import declared
from labgen_stub.wire import Garbled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from labgen_stub.messages import TemplateEvent

log = logging.getLogger(__name__)
# The platform's first enterprise has the lab's own template.
_FIRST = 1
_FORMAT = "VMDK_SPARSE"


class Announcer:
    """Tells the API what there is, in order; what cannot be told now is told later."""

    def __init__(self, publish: Callable[[TemplateEvent], Awaitable[None]]) -> None:
        self._publish = publish
        self._events: deque[TemplateEvent] = deque()
        self._more = asyncio.Event()
        self._begun = self._all_told = False

    async def fault(self) -> str:
        """Say, as a part of `/check`, that the API cannot know all templates yet; nothing from then on."""
        self._all_told = self._all_told or (self._begun and not self._events)
        return "" if self._all_told else "the repository's templates have not been told yet"

    def begun(self) -> None:
        """Take note that what was there at the start has been handed to `tell`."""
        self._begun = True

    async def tell(self, event: TemplateEvent) -> None:
        """Tell now, if nothing waits and the broker is there."""
        if not self._events:
            try:
                await self._publish(event)
            except Garbled as error:
                log.warning("told later", extra={"reason": str(error)})
            else:
                return
        self._events.append(event)
        self._more.set()

    async def run(self) -> None:
        """Tell what waits, for ever."""
        await forever("AM's news", self._once)

    async def _once(self) -> None:
        while self._events:
            await self._publish(self._events[0])
            self._events.popleft()
        self._more.clear()
        await self._more.wait()


async def seed(repository: Templates) -> None:
    """Have the lab's own template, which boots in an instant, in the repository.

    In a format that no hypervisor of the lab reads, so that deploying it takes a conversion.
    """
    boot_disk = import_module("labgen_stub.boot_disk")

    with tempfile.TemporaryDirectory() as room:
        raw, disk = Path(room) / "raw", Path(room) / "disk"
        raw.write_bytes(boot_disk.boot_disk())
        await qemu_img.convert(raw, "RAW", disk, _FORMAT)
        content = disk.read_bytes()

    async def whole() -> AsyncIterator[bytes]:
        yield content

    info = {
        "name": boot_disk.NAME,
        "description": boot_disk.DESCRIPTION,
        "diskFileFormat": _FORMAT,
        "requiredCpu": boot_disk.CPU,
        "requiredRamInMB": boot_disk.RAM,
    }
    try:
        await repository.put(_FIRST, Upload(whole(), info))
    except ApiError as error:
        if error.code != "TEMPLATE-EXISTS":
            raise


def build(context: str, node: Node) -> WebApp:
    """`/am/erepos`; at start the lab's template is put into the repository, and all there are are told."""
    share, broker, place = share_of(node), node.broker, messages.AM_EVENTS
    if share is None or broker is None:
        return WebApp([])
    repository, datacenter = Templates(share), node.settings.datacenter_id

    async def publish(event: TemplateEvent) -> None:
        await broker.publish(place.exchange, place.kind, place.queue, messages.dump(event))

    announcer = Announcer(publish)

    async def begin() -> None:
        await seed(repository)
        for enterprise in await repository.enterprises():
            for one in await repository.listing(enterprise):
                await announcer.tell(one.event(datacenter, "DONE"))

    async def start() -> None:
        async def once() -> None:
            await begin()
            announcer.begun()
            # Done: what happens from now on is told as it happens.
            await asyncio.Event().wait()

        await forever("AM's repository", once)

    node.checks.add(announcer.fault)
    resources = Resources(context, datacenter, repository, Access(node), announcer.tell)
    return WebApp(resources.routes(), setups=[declared(place)], tasks=[announcer.run, start])
