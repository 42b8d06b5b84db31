"""The virtual factory: makes virtual machines, takes them away, and switches them (platform.md 2.1, 2.5).

A deploy's way in a datacenter: the disk on the share (row 25), a lease at DHCP (row 30), the hypervisor (row
39), a subscription at VSM. A step whose neighbour this node does not have is another server's, or nobody's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from labgen_stub.messages import BadMessage, Disk, Machine, Request, Work, disk
from labgen_stub.webapps.remote.backends import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.backends import Backend
    from labgen_stub.webapps.remote.journal import Journal
    from labgen_stub.webapps.remote.subscriptions import Subscriptions

    Simple = Callable[[Machine, Journal], Awaitable[None]]


class Repository(Protocol):
    """The share, as far as a virtual factory needs it."""

    place: Neighbour

    async def size(self, path: str) -> int:
        """Return the bytes of a file. Raises FileNotFoundError."""


class Leases(Protocol):
    """The DHCP service, as far as a virtual factory needs it; both may be done twice."""

    place: Neighbour

    async def add(self, name: str, mac: str, address: str) -> None:
        """Give a network card an address."""

    async def remove(self, name: str) -> None:
        """Take it back."""


class VirtualFactory:
    """Does the requests of one datacenter or region."""

    def __init__(
        self,
        backend: Backend,
        subscriptions: Subscriptions,
        repository: Repository | None = None,
        leases: Leases | None = None,
    ) -> None:
        self._backend, self._subscriptions = backend, subscriptions
        self._repository, self._leases = repository, leases
        self._simple: dict[Work, Simple] = {
            Work.POWER_ON: backend.power_on,
            Work.POWER_OFF: backend.power_off,
            Work.PAUSE: backend.pause,
            Work.RESUME: backend.resume,
            Work.RESET: backend.reset,
            Work.RECONFIGURE: backend.reconfigure,
        }

    async def work(self, request: Request, journal: Journal) -> dict[str, Any]:
        """Do one request; return what its answer tells (`messages.Answer.result`)."""
        machine = request.machine
        if machine is None:
            raise BadMessage("the request is about no machine")
        if request.work is Work.DEPLOY:
            return await self._deploy(machine, journal)
        if request.work is Work.UNDEPLOY:
            await self._undeploy(machine, journal)
        elif request.work is Work.INSTANCE:
            return await self._instance(machine, disk(request.options.get("target")), journal)
        elif request.work in self._simple:
            await self._simple[request.work](machine, journal)
        else:
            raise BadMessage(f"a virtual factory does not do {request.work}")
        return {}

    async def _deploy(self, machine: Machine, journal: Journal) -> dict[str, Any]:
        if self._repository is not None and machine.disk is not None:
            with journal.step("template found on the share", self._repository.place):
                await self._repository.size(machine.disk.path)
        if self._leases is not None and machine.mac and machine.address:
            with journal.step("lease added", self._leases.place):
                await self._leases.add(machine.name, machine.mac, machine.address)
        deployed = await self._backend.deploy(machine, journal)
        with self._subscriptions.step(journal, "monitoring subscribed"):
            await self._subscriptions.add(machine.uuid, machine.name, deployed.host)
        result = asdict(deployed)
        return {**result, "address": deployed.address or machine.address}

    async def _undeploy(self, machine: Machine, journal: Journal) -> None:
        # First, so that VSM does not report as lost what is taken away on purpose.
        with self._subscriptions.step(journal, "monitoring unsubscribed"):
            former = await self._subscriptions.remove(machine.uuid)
        try:
            await self._backend.undeploy(machine, journal)
        except Refused:
            if former is not None:
                await self._subscriptions.add(machine.uuid, machine.name, former)
            raise
        if self._leases is not None and machine.mac:
            with journal.step("lease removed", self._leases.place):
                await self._leases.remove(machine.name)

    async def _instance(self, machine: Machine, target: Disk, journal: Journal) -> dict[str, Any]:
        made = await self._backend.instance(machine, target, journal)
        if self._repository is not None:
            with journal.step("instance found on the share", self._repository.place):
                made = Disk(made.path, made.format, await self._repository.size(made.path))
        return {"disk": asdict(made)}
