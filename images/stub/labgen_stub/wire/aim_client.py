"""Work on a KVM host through its agent AIM (platform.md row 39, R14): disks, machines, power.

Thrift's library blocks, so every call has a thread and a connection of its own and is bounded in time.
The library is imported at the first call: a server without a hypervisor never does.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from labgen_aim.client import Client
    from labgen_aim.structures import Datastore, DomainInfo, NodeInfo

    from labgen_stub.wire.target import Target

# A call is a matter of milliseconds, but for a copy, or a start among many.
_THREADS, _CALL_PATIENCE, _LONG_PATIENCE = 32, 15.0, 300.0
_STATES = {1: "ON", 2: "OFF", 3: "PAUSED"}
_NO_DOMAIN = 42  # libvirt's VIR_ERR_NO_DOMAIN


class HostRefused(Exception):
    """The host answered that it will not or cannot; the text is the host's own."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A machine of a host.

    Attributes:
        state: `ON`, `OFF`, `PAUSED` or `UNKNOWN`.
        xml: libvirt's description of it, as it runs.
        display_port: TCP port of its VNC server on the host; 0 when it is off.
    """

    name: str
    uuid: str
    state: str
    xml: str
    display_port: int


class Host:
    """One hypervisor. Every method raises `HostRefused`, or OSError (TimeoutError) for the transport."""

    def __init__(
        self, target: Target, patience: float = _CALL_PATIENCE, long_patience: float = _LONG_PATIENCE
    ) -> None:
        """Prepare to work on the host at `target`.

        The two times, in seconds, bound a call, and one that copies a disk or starts a machine.
        """
        self._target, self._patience, self._long_patience = target, patience, long_patience
        self._store = ""

    async def copy_from_repository(self, path: str, machine_uuid: str) -> str:
        """Have the host copy a template of the share to its datastore, and return where the disk is there.

        `path` is relative to the share's root. A disk that the machine has already is written anew.
        """
        store = await self._datastore()
        await self._call(
            "copyFromRepositoryToDatastore", path, store, machine_uuid, patience=self._long_patience
        )
        return f"{store}/{machine_uuid}"

    async def delete_disk(self, machine_uuid: str) -> None:
        """Have the host delete a machine's disk; one that is gone is no error."""
        await self._call("deleteVirtualImageFromDatastore", await self._datastore(), machine_uuid)

    async def copy_to_repository(self, machine_uuid: str, path: str) -> None:
        """Have the host copy a machine's disk to `path` below the share's root, whole or not at all.

        The host pauses a running machine for the time of the copy. A file that is there is replaced.
        """
        folder, _, name = path.rpartition("/")
        await self._call(
            "copyFromDatastoreToRepository",
            machine_uuid,
            name,
            folder,
            await self._datastore(),
            patience=self._long_patience,
        )

    async def define(self, xml: str) -> None:
        """Define a machine, or change its definition, by libvirt's description of it."""
        await self._call("defineDomain", xml)

    async def undefine(self, name: str) -> None:
        """Forget a machine; one that is not there is no error."""
        await self._call("undefineDomain", name)

    async def domains(self) -> list[Domain]:
        """List every machine, running or not."""
        return [_domain(one) for one in await self._call("getDomains")]

    async def domain(self, name: str) -> Domain | None:
        """Describe one machine by its name or its UUID; None when the host has no such machine."""
        try:
            return _domain(await self._call("getDomainInfo", name))
        except HostRefused as error:
            if getattr(error.__cause__, "code", 0) == _NO_DOMAIN:
                return None
            raise

    async def power_on(self, name: str) -> None:
        """Start a machine; one that runs already is no error."""
        await self._call("powerOn", name, patience=self._long_patience)

    async def power_off(self, name: str) -> None:
        """Stop a machine at once, as a plug would; one that is off already is no error."""
        await self._call("powerOff", name)

    async def reset(self, name: str) -> None:
        """Press a running machine's reset button."""
        await self._call("reset", name)

    async def pause(self, name: str) -> None:
        """Freeze a running machine; one that is frozen already is no error."""
        await self._call("pause", name)

    async def resume(self, name: str) -> None:
        """Let a frozen machine go on; one that runs already is no error."""
        await self._call("resume", name)

    async def node_info(self) -> NodeInfo:
        """Describe the host: name, version of libvirt's QEMU, cores, sockets, memory in KiB."""
        info: NodeInfo = await self._call("getNodeInfo")
        return info

    async def datastores(self) -> list[Datastore]:
        """List the host's places for disks, sizes in bytes."""
        stores: list[Datastore] = await self._call("getDatastores")
        return stores

    async def _datastore(self) -> str:
        """Return the folder of the host's first datastore, which does not change while the host lives."""
        if not self._store:
            stores = await self.datastores()
            if not stores:
                raise HostRefused(f"{self._target.host} has no datastore")
            self._store = stores[0].path.rstrip("/")
        return self._store

    async def _call(self, name: str, *arguments: str, patience: float | None = None) -> Any:
        patience = self._patience if patience is None else patience
        library, structures = import_module("labgen_aim.client"), import_module("labgen_aim.structures")
        client: Client = library.Client(self._target.host, self._target.port, patience)

        def work() -> Any:
            with client:
                return client.call(name, *arguments)

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                return await loop.run_in_executor(_threads(), work)
        except (structures.HostError, structures.LibvirtFailed, library.Misspoken) as error:
            # libvirt may quote all that QEMU has said, on several lines.
            raise HostRefused(f"{self._target.host}: {' '.join(str(error).split())}") from error
        except TimeoutError as error:
            raise TimeoutError(f"{self._target.host}: {name} took more than {patience:g} s") from error
        finally:
            # Given up on: the thread must not go on waiting.
            client.abandon()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "aim")


def _domain(info: DomainInfo) -> Domain:
    state = _STATES.get(info.state, "UNKNOWN")
    port = 0 if state == "OFF" else display_port(info.xmlDesc)
    return Domain(info.name, info.uuid, state, info.xmlDesc, port)


def display_port(xml: str) -> int:
    """Find the TCP port of the VNC server in libvirt's description; 0 when there is none (or not yet)."""
    try:
        # Written by libvirt itself, never by a user.
        graphics = ET.fromstring(xml).find("./devices/graphics[@type='vnc']")  # noqa: S314
        port = 0 if graphics is None else int(graphics.get("port", "0"))
    except (ET.ParseError, ValueError):
        return 0
    return max(port, 0)
