"""One virtual machine of a client: found a place, deployed, looked at, switched off, undeployed, removed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen.smoke.client import href, patience
from labgen.smoke.console import first_frame
from labgen.smoke.model import StepFailed

if TYPE_CHECKING:
    from labgen.smoke.client import Document, Platform
    from labgen.smoke.console import Frame
    from labgen.smoke.stream import Stream

__all__ = ["Ground", "Machine", "find_ground", "lay_ground"]

_OFF = frozenset({"NOT_ALLOCATED", "ALLOCATED"})
_HELD = "LOCKED"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a machine needs at one site: a template, and a virtual appliance to be in."""

    site: str
    template: Document
    virtual_datacenter: Document
    virtual_appliance: Document

    async def clear(self, platform: Platform) -> None:
        """Remove the virtual appliance and the virtual datacenter. Raises StepFailed."""
        await platform.delete(href(self.virtual_appliance, "edit"))
        await platform.delete(href(self.virtual_datacenter, "edit"))


async def find_ground(platform: Platform, user: Document, site: str) -> tuple[Document, Document]:
    """Return the location named `site` and its first template. Raises StepFailed when there is none."""
    enterprise = await platform.get(href(user, "enterprise"))
    async for repository in platform.every(href(enterprise, "datacenterrepositories")):
        location = await platform.get(href(repository, "location"))
        if location.get("uuid") == site:
            async for template in platform.every(href(repository, "virtualmachinetemplates")):
                if template.get("state") == "DONE":
                    return location, template
            raise StepFailed(f"{site} has no template to deploy")
    raise StepFailed(f"the platform has no datacenter or region '{site}'")


async def lay_ground(platform: Platform, user: Document, site: str, name: str) -> Ground:
    """Make a virtual datacenter and a virtual appliance `name` at `site`. Raises StepFailed."""
    location, template = await find_ground(platform, user, site)
    links = [
        {"rel": "location", "href": href(location, "location")},
        {"rel": "enterprise", "href": href(user, "enterprise")},
    ]
    virtual_datacenter = await platform.post(
        href(user, "virtualdatacenters"), "virtualdatacenter", {"name": name, "links": links}
    )
    try:
        virtual_appliance = await platform.post(
            href(virtual_datacenter, "virtualappliances"), "virtualappliance", {"name": name}
        )
    except StepFailed:
        with suppress(StepFailed):
            await platform.delete(href(virtual_datacenter, "edit"))
        raise
    return Ground(site, template, virtual_datacenter, virtual_appliance)


class Machine:
    """A machine on its way. Each method raises StepFailed."""

    def __init__(self, platform: Platform, document: Document) -> None:
        self._platform, self.document = platform, document

    @classmethod
    async def make(cls, platform: Platform, ground: Ground, label: str) -> Machine:
        """Make the machine; nothing runs yet."""
        links = [{"rel": "virtualmachinetemplate", "href": href(ground.template, "edit")}]
        document = {"label": label, "links": links}
        return cls(
            platform,
            await platform.post(
                href(ground.virtual_appliance, "virtualmachines"), "virtualmachine", document
            ),
        )

    @property
    def label(self) -> str:
        """What its user calls it."""
        return str(self.document["label"])

    async def look(self) -> str:
        """Ask for its state."""
        self.document = await self._platform.get(href(self.document, "edit"))
        return str(self.document["state"])

    async def act(self, rel: str, seconds: float) -> Document:
        """Ask for an action and wait for its task, which is returned."""
        accepted = await self._platform.post(href(self.document, rel), "virtualmachinetask")
        return await self._platform.finished(accepted, seconds)

    async def switch(self, state: str, seconds: float) -> Document:
        """Ask for a power state and wait for its task, which is returned."""
        accepted = await self._platform.put(
            href(self.document, "state"), "virtualmachinestate", {"state": state}
        )
        return await self._platform.finished(accepted, seconds)

    async def expect(self, state: str) -> None:
        """Make sure that the platform shows it in `state`."""
        found = await self.look()
        if found != state:
            raise StepFailed(f"the machine {self.label} is {found} and should be {state}")

    async def told(self, stream: Stream, action: str, seconds: float) -> Document:
        """Wait until the event stream tells that `action` is done with it."""
        where = href(self.document, "edit").partition("/api/")[2]

        def ours(event: Document) -> bool:
            return event.get("action") == action and str(event.get("entityURI", "")).endswith(where)

        return await stream.wait(ours, seconds, f"{action} for {self.label}")

    async def screen(self, seconds: float) -> Frame:
        """Open its console as the page would, and return the first screen that is not blank."""
        console = await self._platform.post(href(self.document, "remoteaccess"), "remoteaccess")
        return await first_frame(href(console, "novnc"), self._platform.address.tls(), seconds)

    async def settled(self, seconds: float) -> str:
        """Wait until no task holds it; return its state."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                # A task whose wait was given up goes on; nothing tells its end but the machine's state.
                while (state := await self.look()) == _HELD:
                    await patience(began)
        except TimeoutError:
            raise StepFailed(f"the machine {self.label} is still {_HELD} after {seconds:g} s") from None
        return state

    async def away(self, seconds: float) -> None:
        """Undeploy it where it is deployed, and remove it; a task that holds it is awaited first."""
        if await self.settled(seconds) not in _OFF:
            await self.act("undeploy", seconds)
        await self._platform.delete(href(self.document, "edit"))
