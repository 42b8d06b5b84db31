"""Machines on KVM hypervisors, by their agent AIM (platform.md row 39): QEMU with a VNC screen."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from labgen_aim.definition import Definition, define

from labgen_stub.messages import QEMU_FORMATS, Disk
from labgen_stub.webapps.remote.backends import (
    OFF,
    ON,
    PAUSED,
    UNKNOWN,
    Deployed,
    Display,
    Physical,
    Refused,
    Sighting,
)
from labgen_stub.wire.aim_client import Host, HostRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from labgen_stub.messages import Machine
    from labgen_stub.node import Node
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.remote.journal import Journal
    from labgen_stub.wire.aim_client import Domain

# What this hypervisor reads; anything else BPM has to convert first.
READS = ("RAW", "QCOW2_SPARSE")
_SOURCE = re.compile(r"""<source file=['"]([^'"]+)['"]""")


def description(machine: Machine, path: str, disk_format: str) -> str:
    """Write libvirt's description of a machine; the host gives its screen a port of row 33's range."""
    return define(
        Definition(
            machine.name,
            machine.uuid,
            machine.label or machine.name,
            path,
            disk_format,
            cpu=max(1, machine.cpu),
            ram=max(1, machine.ram),
        )
    )


class Kvm:
    """All hypervisors that this node may ask."""

    def __init__(self, hosts: Callable[[], Mapping[str, tuple[Neighbour, Host]]]) -> None:
        self._hosts = hosts

    def hosts(self) -> tuple[str, ...]:
        """Return the hypervisors' nodes."""
        return tuple(self._hosts())

    def _host(self, machine: Machine) -> tuple[Neighbour, Host]:
        try:
            return self._hosts()[machine.host]
        except KeyError:
            raise Refused(f"There is no hypervisor {machine.host or 'named'} here") from None

    async def deploy(self, machine: Machine, journal: Journal) -> Deployed:
        """Copy the disk to the host, define the machine and start it, as far as it is not done yet."""
        place, host = self._host(machine)
        with asking(place, journal):
            domain = await host.domain(machine.name)
            if domain is None:
                if machine.disk is None or machine.disk.format not in READS:
                    raise Refused(f"{place.node} reads {' and '.join(READS)} only", place.node)
                with journal.step("template copied to the hypervisor", place):
                    path = await host.copy_from_repository(machine.disk.path, machine.uuid)
                with journal.step("machine defined", place):
                    await host.define(description(machine, path, QEMU_FORMATS[machine.disk.format]))
            with journal.step("machine started", place):
                domain = await self._running(host, machine.name, domain)
        return Deployed(place.node, display=Display("vnc", place.node, domain.display_port))

    async def _running(self, host: Host, name: str, domain: Domain | None) -> Domain:
        # Of one that is being started the host does not know yet; starting it again waits for that.
        if domain is None or domain.state in (OFF, UNKNOWN):
            await host.power_on(name)
        elif domain.state == PAUSED:
            await host.resume(name)
        found = await host.domain(name)
        if found is None or found.state != ON:
            raise Refused(f"{name} does not run after it was started")
        return found

    async def undeploy(self, machine: Machine, journal: Journal) -> None:
        """Stop and forget the machine, delete its disk."""
        place, host = self._host(machine)
        with asking(place, journal):
            domain = await host.domain(machine.name)
            if domain is not None:
                with journal.step("machine stopped and undefined", place):
                    if domain.state != OFF:
                        await host.power_off(machine.name)
                    await host.undefine(machine.name)
            with journal.step("disk deleted", place):
                await host.delete_disk(machine.uuid)

    async def power_on(self, machine: Machine, journal: Journal) -> None:
        """Start it."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("machine started", place):
            await self._running(host, machine.name, await self._there(host, machine))

    async def power_off(self, machine: Machine, journal: Journal) -> None:
        """Stop it, as a plug would."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("machine stopped", place):
            if (await self._there(host, machine)).state != OFF:
                await host.power_off(machine.name)

    async def pause(self, machine: Machine, journal: Journal) -> None:
        """Freeze it."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("machine paused", place):
            if (await self._there(host, machine)).state != PAUSED:
                await host.pause(machine.name)

    async def resume(self, machine: Machine, journal: Journal) -> None:
        """Let it go on."""
        await self.power_on(machine, journal)

    async def reset(self, machine: Machine, journal: Journal) -> None:
        """Press its reset button."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("machine reset", place):
            await host.reset(machine.name)

    async def reconfigure(self, machine: Machine, journal: Journal) -> None:
        """Define it anew. One that runs is restarted for it: what was asked for holds when this is done."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("machine reconfigured", place):
            domain = await self._there(host, machine)
            source = _SOURCE.search(domain.xml)
            path, disk_format = (
                source[1] if source else "",
                "qcow2" if "type='qcow2'" in domain.xml else "raw",
            )
            if domain.state != OFF:
                await host.power_off(machine.name)
            await host.define(description(machine, path, disk_format))
            if domain.state != OFF:
                await self._running(host, machine.name, None)

    async def instance(self, machine: Machine, target: Disk, journal: Journal) -> Disk:
        """Have the host copy the disk to the share; its format stays as it is."""
        place, host = self._host(machine)
        with asking(place, journal), journal.step("disk copied to the share", place):
            domain = await self._there(host, machine)
            await host.copy_to_repository(machine.uuid, target.path)
        return Disk(target.path, "QCOW2_SPARSE" if "type='qcow2'" in domain.xml else "RAW")

    async def _there(self, host: Host, machine: Machine) -> Domain:
        domain = await host.domain(machine.name)
        if domain is None:
            raise Refused(f"{machine.name} is not on {machine.host}", machine.host)
        return domain

    async def states(self, host: str) -> dict[str, Sighting]:
        """List what a host has."""
        place, agent = self._hosts()[host]
        with asking(place):
            found = await agent.domains()
        return {one.uuid: Sighting(one.name, one.state, host) for one in found}

    async def discover(self) -> tuple[Physical, ...]:
        """Ask every host what it is made of."""
        return tuple(await asyncio.gather(*(self._physical(*one) for one in self._hosts().values())))

    async def _physical(self, place: Neighbour, host: Host) -> Physical:
        with asking(place):
            node, stores = await asyncio.gather(host.node_info(), host.datastores())
        # `cores` are all of the host's, whatever the number of its sockets.
        disk = sum(one.totalSize for one in stores) >> 20
        return Physical(place.node, "KVM", max(1, node.cores), round(node.memory / 1024), disk)


@contextmanager
def asking(place: Neighbour, journal: Journal | None = None) -> Iterator[None]:
    """Enclose a dialogue with a host: what it refuses is its last word, and whatever fails is its fault."""
    with journal.asking(place) if journal else nullcontext():
        try:
            yield
        except HostRefused as error:
            raise Refused(str(error), place.node) from error


def make(node: Node) -> Kvm:
    """Make the backend of a node, with every hypervisor that is among its neighbours then."""
    known: dict[Neighbour, Host] = {}

    def hosts() -> dict[str, tuple[Neighbour, Host]]:
        places = node.settings.to("aim")
        for one in places:
            if one not in known:
                known[one] = Host(node.target(one))
        return {one.node: (one, known[one]) for one in places}

    return Kvm(hosts)
