"""Where virtual machines live: what a virtual factory, VSM and discovery ask of a hypervisor or provider.

Which backend a node has follows from the protocols of its neighbours, never from its role: `aim` is KVM
(platform.md row 39), `ec2` a public cloud provider (row 42).

A method is called again with the same journal's job after a failure, after a restart or for a message that
came twice: each must find out what is done already, and do the rest. `OSError`, `TimeoutError` and
`links.errors.Unavailable` mean "try again"; `Refused` is the other side's last word.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.messages import Disk, Machine
    from labgen_stub.node import Node
    from labgen_stub.webapps.remote.journal import Journal

ON, OFF, PAUSED, UNKNOWN = "ON", "OFF", "PAUSED", "UNKNOWN"


class Refused(Exception):
    """A neighbour understood and will not: trying again is of no use.

    The text is the neighbour's own words, in one sentence for the user; `fault` is the neighbour's node,
    where the journal's current step does not say it.
    """

    def __init__(self, message: str, fault: str = "") -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Display:
    """Where the screen of a machine is: `vnc`, the node to connect to, and its port."""

    protocol: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Deployed:
    """What became of a deploy.

    Attributes:
        host: the node of the hypervisor that has the machine; a provider's own name for it in a region.
        address: its IP address, empty when nobody gave it one.
        provider_id: its identity at a public cloud provider, empty elsewhere.
        display: its screen, None when it has none that can be reached.
    """

    host: str
    address: str = ""
    provider_id: str = ""
    display: Display | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A machine as its host sees it: its name there, and ON, OFF, PAUSED or UNKNOWN."""

    name: str
    state: str
    host: str


@dataclass(frozen=True, slots=True)
class Physical:
    """A host that can take machines: processors, memory and disk in MiB, the platform's name of its kind."""

    name: str
    kind: str
    cpu: int
    ram: int
    disk: int
    address: str = ""


class Backend(Protocol):
    """All machines of one kind of neighbour. Each question is one step (or several) of the journal."""

    def hosts(self) -> tuple[str, ...]:
        """Nodes that have machines, or the provider's node. Nothing is asked."""

    async def deploy(self, machine: Machine, journal: Journal) -> Deployed:
        """Have the machine defined and running; one that is there already is only looked at."""

    async def undeploy(self, machine: Machine, journal: Journal) -> None:
        """Have the machine and its disk gone; that there is none is well."""

    async def power_on(self, machine: Machine, journal: Journal) -> None:
        """Have it running. One that runs already is well, as with the next four."""

    async def power_off(self, machine: Machine, journal: Journal) -> None:
        """Have it off."""

    async def pause(self, machine: Machine, journal: Journal) -> None:
        """Have it frozen."""

    async def resume(self, machine: Machine, journal: Journal) -> None:
        """Have it running, from frozen."""

    async def reset(self, machine: Machine, journal: Journal) -> None:
        """Press its reset button."""

    async def reconfigure(self, machine: Machine, journal: Journal) -> None:
        """Give it the processors, memory and label of `machine`."""

    async def instance(self, machine: Machine, target: Disk, journal: Journal) -> Disk:
        """Copy its disk to `target` in the repository; return what was written, with its size."""

    async def states(self, host: str) -> Mapping[str, Sighting]:
        """Return what one of `hosts()` has now, by the machines' uuid (a provider keeps it as a tag).

        Cheap: it is asked every second. A machine that is being made or unmade is UNKNOWN.
        """

    async def discover(self) -> tuple[Physical, ...]:
        """Describe each of `hosts()`."""


# Protocol of the neighbour: the module under this package, which has `make(node: Node) -> Backend`.
_MODULES = {"aim": "kvm", "ec2": "ec2"}


def find(node: Node) -> Backend | None:
    """Return the backend of a node, or None where no neighbour has machines."""
    for protocol, module in _MODULES.items():
        if node.settings.to(protocol):
            backend: Backend = import_module(f"{__name__}.{module}").make(node)
            return backend
    return None
