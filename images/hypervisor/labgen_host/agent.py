"""What AIM's calls do on this host: real files, real interfaces, real libvirt (platform.md, R14).

A call that comes twice does no harm: what is so already is no error. A machine is named by its name or,
as later versions of the agent have it, by its UUID.
"""

# ruff: noqa: N802  # the methods have the names of AIM's calls

from __future__ import annotations

import fcntl
import os
import socket
import struct
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt
from labgen_aim.structures import Datastore, DomainInfo, HostError, LibvirtFailed, NetInterface, NodeInfo

from labgen_host.datastore import below_the_share
from labgen_host.machine import for_libvirt
from labgen_host.room import for_machines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labgen_host.datastore import Disks

_SIOCGIFADDR = 0x8915
_ON, _OFF, _PAUSED, _UNKNOWN = 1, 2, 3, 4
_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: _ON,
    libvirt.VIR_DOMAIN_BLOCKED: _ON,
    libvirt.VIR_DOMAIN_SHUTDOWN: _OFF,
    libvirt.VIR_DOMAIN_SHUTOFF: _OFF,
    libvirt.VIR_DOMAIN_PAUSED: _PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: _PAUSED,
}


def _state_of(domain: Any) -> int:
    """Tell AIM's word for how a machine is."""
    state, reason = domain.state()
    # libvirt makes each machine paused and then lets it go: nobody has frozen one that is on its way.
    if (state, reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP):
        return _UNKNOWN
    return _STATES.get(state, _UNKNOWN)


def _ipv4(interface: str) -> str:
    """Find the first IPv4 address of INTERFACE, or nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", interface.encode()))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


class Agent:
    """The handler of the service. Each method is AIM's method of that name."""

    def __init__(self, connection: Any, datastore: Path, disks: Disks, logs: Path) -> None:
        """Keep CONNECTION, an open libvirt connection, and DATASTORE, the folder of the host's DISKS.

        LOGS is where libvirt keeps what each machine's QEMU says.
        """
        self._libvirt = connection
        self._datastore = datastore
        self._disks = disks
        self._logs = logs
        self._busy: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except libvirt.libvirtError as error:
            raise _failed(error) from error

    def _find(self, name: str) -> Any | None:
        """Return libvirt's handle of a machine by its name or UUID, or None."""
        for look in (self._libvirt.lookupByName, self._libvirt.lookupByUUIDString):
            try:
                return look(name)
            except libvirt.libvirtError as error:
                # What is no UUID at all is an invalid argument.
                if error.get_error_code() not in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG):
                    raise _failed(error) from error
        return None

    def _domain(self, name: str) -> Any:
        found = self._find(name)
        return self._ask(lambda: self._libvirt.lookupByName(name)) if found is None else found

    def _bring(self, name: str, action: str, wanted: int) -> None:
        """Do ACTION to a machine unless it is in the state WANTED, also when another caller was faster."""
        domain = self._domain(name)
        try:
            getattr(domain, action)()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or self._state(domain) != wanted:
                raise _failed(error) from error

    def _state(self, domain: Any) -> int:
        return self._ask(lambda: _state_of(domain))  # type: ignore[no-any-return]

    def checkRimpConfiguration(self) -> None:
        """Check that the datastore can be written and that libvirt answers.

        Raises HostError when either is not so.
        """
        if not os.access(self._datastore, os.W_OK):
            raise HostError(f"the datastore {self._datastore} cannot be written")
        try:
            self._libvirt.getLibVersion()
        except libvirt.libvirtError as error:
            raise HostError(f"libvirt does not answer: {error}") from error

    def getDiskFileSize(self, path: str) -> int:
        """Count the bytes of a disk of the datastore. Raises HostError for any other path."""
        return self._disks.size(path)

    def getDatastores(self) -> list[Datastore]:
        """List the one store of this host."""
        space = os.statvfs(self._datastore)
        return [
            Datastore(
                "labgen",
                str(self._datastore),
                "dir",
                space.f_blocks * space.f_frsize,
                space.f_bavail * space.f_frsize,
            )
        ]

    def getNetInterfaces(self) -> list[NetInterface]:
        """List every interface but the loopback."""
        found = []
        for entry in sorted(Path("/sys/class/net").iterdir()):
            if entry.name != "lo":
                physical = (entry / "address").read_text().strip()
                found.append(NetInterface(entry.name, _ipv4(entry.name), physical))
        return found

    def copyFromRepositoryToDatastore(self, path: str, datastore: str, machine: str) -> None:
        """Copy a template of the share to a machine's disk. Raises HostError.

        The disk of a machine that runs stays as it is: who asks has asked before.
        """
        disk = self._disks.path(machine, datastore)
        below_the_share(path)
        domain = self._find(machine)
        if domain is None or not self._ask(domain.isActive) or not disk.exists():
            self._disks.fetch(path, datastore, machine)

    def deleteVirtualImageFromDatastore(self, datastore: str, machine: str) -> None:
        """Delete a machine's disk. Raises HostError while the machine runs."""
        self._disks.path(machine, datastore)
        domain = self._find(machine)
        if domain is not None and self._ask(domain.isActive):
            raise HostError(f"the machine {machine} runs: its disk is in use")
        self._disks.delete(datastore, machine)

    def copyFromDatastoreToRepository(self, machine: str, snapshot: str, folder: str, datastore: str) -> None:
        """Copy a machine's disk to the file SNAPSHOT in FOLDER of the share. Raises HostError.

        A machine that runs is paused while its disk is copied inside the host, and its state is unknown
        for that time, as the agent has it of a machine with a job.
        """
        domain = self._find(machine)
        self._disks.put(machine, snapshot, folder, datastore, self._still(domain))

    @contextmanager
    def _still(self, domain: Any | None) -> Iterator[None]:
        """Keep a machine from writing to its disk, if it runs."""
        if domain is None or not self._ask(domain.isActive):
            yield
            return
        with self._one_at_a_time:
            identity = domain.UUIDString()
            running = self._state(domain) == _ON
            self._busy.add(identity)
            try:
                if running:
                    # QEMU hands all that it holds back to the system before it says it has stopped.
                    self._ask(domain.suspend)
                yield
            finally:
                # Somebody may have switched it off or on meanwhile.
                if running and self._state(domain) == _PAUSED:
                    self.resume(identity)
                self._busy.discard(identity)

    def checkVLANConfiguration(self) -> None:
        """Find nothing wrong: a lab's host makes no VLANs."""

    def getInitiatorIQN(self) -> str:
        """Give a name of the reserved domain, as no iSCSI initiator runs here."""
        return f"iqn.2000-01.example.labgen:{socket.gethostname()}"

    def getNodeInfo(self) -> NodeInfo:
        """Describe the host as libvirt sees it; its memory is what there is for machines."""

        def ask() -> NodeInfo:
            info = self._libvirt.getInfo()
            return NodeInfo(
                self._libvirt.getHostname(),
                self._libvirt.getVersion(),
                info[2],
                info[5],
                float(for_machines(info[1] * 1024)),
            )

        return self._ask(ask)  # type: ignore[no-any-return]

    def _info(self, domain: Any) -> DomainInfo:
        _, _, memory, cpus, _ = domain.info()
        identity = domain.UUIDString()
        return DomainInfo(
            domain.name(),
            identity,
            _UNKNOWN if identity in self._busy else _state_of(domain),
            cpus,
            float(memory),
            domain.XMLDesc(),
        )

    def getDomains(self) -> list[DomainInfo]:
        """List every machine, running or not; one that goes away meanwhile is left out."""
        found = []
        for domain in self._ask(self._libvirt.listAllDomains):
            try:
                found.append(self._info(domain))
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise _failed(error) from error
        return found

    def defineDomain(self, xml: str) -> None:
        """Define a machine by libvirt's description of it."""
        self._ask(lambda: self._libvirt.defineXML(for_libvirt(xml)))

    def undefineDomain(self, name: str) -> None:
        """Forget a machine; one that is not there is well."""
        domain = self._find(name)
        if domain is not None:
            log = self._logs / f"{domain.name()}.log"
            self._ask(domain.undefine)
            log.unlink(missing_ok=True)

    def existDomain(self, name: str) -> bool:
        """Say whether a machine of this name is defined."""
        return self._find(name) is not None

    def getDomainState(self, name: str) -> int:
        """Tell 1 for on, 2 off, 3 paused, 4 unknown."""
        return self.getDomainInfo(name).state

    def getDomainInfo(self, name: str) -> DomainInfo:
        """Describe one machine."""
        domain = self._domain(name)
        return self._ask(lambda: self._info(domain))  # type: ignore[no-any-return]

    def powerOn(self, name: str) -> None:
        """Start a machine."""
        self._bring(name, "create", _ON)

    def powerOff(self, name: str) -> None:
        """Stop a machine at once, as a plug would."""
        self._bring(name, "destroy", _OFF)

    def reset(self, name: str) -> None:
        """Press the reset button."""
        self._ask(self._domain(name).reset)

    def pause(self, name: str) -> None:
        """Freeze a machine."""
        self._bring(name, "suspend", _PAUSED)

    def resume(self, name: str) -> None:
        """Let a frozen machine go on."""
        self._bring(name, "resume", _ON)


def _failed(error: libvirt.libvirtError) -> LibvirtFailed:
    return LibvirtFailed(
        error.get_error_code() or 0,
        error.get_error_domain() or 0,
        str(error),
        error.get_error_level() or 0,
    )
