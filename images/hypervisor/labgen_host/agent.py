"""What AIM's calls do on this host: real files, real interfaces, real libvirt (platform.md, R14)."""

# ruff: noqa: N802  # the methods have the names of AIM's calls

import fcntl
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
from labgen_aim.structures import Datastore, DomainInfo, HostError, LibvirtFailed, NetInterface, NodeInfo

_SIOCGIFADDR = 0x8915
_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: 1,
    libvirt.VIR_DOMAIN_BLOCKED: 1,
    libvirt.VIR_DOMAIN_SHUTOFF: 2,
    libvirt.VIR_DOMAIN_PAUSED: 3,
}
_UNKNOWN = 4


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

    def __init__(self, connection: Any, datastore: Path) -> None:
        """Keep CONNECTION, an open libvirt connection, and DATASTORE, the folder of the host's disks."""
        self._libvirt = connection
        self._datastore = datastore

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except libvirt.libvirtError as error:
            raise LibvirtFailed(
                error.get_error_code() or 0,
                error.get_error_domain() or 0,
                str(error),
                error.get_error_level() or 0,
            ) from error

    def _domain(self, name: str) -> Any:
        return self._ask(lambda: self._libvirt.lookupByName(name))

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
        disk = (self._datastore / path.lstrip("/")).resolve()
        if Path(path).is_absolute() and Path(path).resolve().is_relative_to(self._datastore):
            disk = Path(path).resolve()
        if not disk.is_relative_to(self._datastore) or not disk.is_file():
            raise HostError(f"there is no disk {path} in {self._datastore}")
        return disk.stat().st_size

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

    def checkVLANConfiguration(self) -> None:
        """Find nothing wrong: a lab's host makes no VLANs."""

    def getInitiatorIQN(self) -> str:
        """Give a name of the reserved domain, as no iSCSI initiator runs here."""
        return f"iqn.2000-01.example.labgen:{socket.gethostname()}"

    def getNodeInfo(self) -> NodeInfo:
        """Describe the host as libvirt sees it."""

        def ask() -> NodeInfo:
            info = self._libvirt.getInfo()
            return NodeInfo(
                self._libvirt.getHostname(),
                self._libvirt.getVersion(),
                info[2],
                info[5],
                float(info[1] * 1024),
            )

        return self._ask(ask)  # type: ignore[no-any-return]

    def _info(self, domain: Any) -> DomainInfo:
        state, _, memory, cpus, _ = domain.info()
        return DomainInfo(
            domain.name(),
            domain.UUIDString(),
            _STATES.get(state, _UNKNOWN),
            cpus,
            float(memory),
            domain.XMLDesc(),
        )

    def getDomains(self) -> list[DomainInfo]:
        """List every machine, running or not."""
        return self._ask(  # type: ignore[no-any-return]
            lambda: [self._info(domain) for domain in self._libvirt.listAllDomains()]
        )

    def defineDomain(self, xml: str) -> None:
        """Define a machine by libvirt's description of it."""
        self._ask(lambda: self._libvirt.defineXML(xml))

    def undefineDomain(self, name: str) -> None:
        """Forget a machine."""
        self._ask(self._domain(name).undefine)

    def existDomain(self, name: str) -> bool:
        """Say whether a machine of this name is defined."""
        try:
            self._domain(name)
        except LibvirtFailed:
            return False
        return True

    def getDomainState(self, name: str) -> int:
        """Tell 1 for on, 2 off, 3 paused, 4 unknown."""
        return self.getDomainInfo(name).state

    def getDomainInfo(self, name: str) -> DomainInfo:
        """Describe one machine."""
        domain = self._domain(name)
        return self._ask(lambda: self._info(domain))  # type: ignore[no-any-return]

    def powerOn(self, name: str) -> None:
        """Start a machine."""
        self._ask(self._domain(name).create)

    def powerOff(self, name: str) -> None:
        """Stop a machine at once, as a plug would."""
        self._ask(self._domain(name).destroy)

    def reset(self, name: str) -> None:
        """Press the reset button."""
        self._ask(self._domain(name).reset)

    def pause(self, name: str) -> None:
        """Freeze a machine."""
        self._ask(self._domain(name).suspend)

    def resume(self, name: str) -> None:
        """Let a frozen machine go on."""
        self._ask(self._domain(name).resume)
