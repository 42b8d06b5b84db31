"""What the platform's servers say to each other over RabbitMQ: places (platform.md 2.5, R2) and documents.

The names are the vendor's; what stands in a message is this lab's own, as the documents do not say it.
Everything here is a value: nothing is sent or received.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class BadMessage(Exception):
    """A body that is no message of ours: it can never be understood, however often it comes."""


@dataclass(frozen=True, slots=True)
class Place:
    """An exchange with a queue bound to it; the routing key is the queue's name (R2)."""

    exchange: str
    kind: str
    queue: str

    def of(self, datacenter_id: str) -> Place:
        """Return the place of one datacenter, where the queue's name has `{dc}` in it."""
        return Place(self.exchange, self.kind, self.queue.format(dc=datacenter_id))


VIRTUAL_FACTORY = Place(
    "abiquo.datacenter.requests", "topic", "abiquo.datacenter.requests.{dc}.virtualfactory"
)
BPM = Place("abiquo.datacenter.requests", "topic", "abiquo.datacenter.requests.{dc}.bpm")
NARS = Place("abiquo.nars", "direct", "abiquo.nars.requests.{dc}")
XAS = Place("abiquo.xas", "direct", "abiquo.xas.requests.{dc}")

VIRTUAL_FACTORY_ANSWERS = Place(
    "abiquo.virtualfactory.async", "direct", "abiquo.virtualfactory.async.notifications"
)
BPM_ANSWERS = Place("abiquo.bpm.async", "direct", "abiquo.bpm.async.notifications")
NARS_ANSWERS = Place("abiquo.nars.asyncresponses", "topic", "abiquo.nars.asyncresponses.default")
AM_EVENTS = Place("abiquo.am", "direct", "abiquo.am.notifications")
CPP_EVENTS = Place("abiquo.cpp", "direct", "abiquo.cpp.notifications")
VSM_EVENTS = Place("abiquo.vsm", "direct", "abiquo.vsm.eventsynk")
EVENTS_EXCHANGE, EVENTS_KIND = "abiquo.tracer.fanout", "fanout"


class Work(StrEnum):
    """What a request asks for. The first nine are a virtual factory's, then BPM's, then discovery's."""

    DEPLOY = "DEPLOY"
    UNDEPLOY = "UNDEPLOY"
    POWER_ON = "POWER_ON"
    POWER_OFF = "POWER_OFF"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    RESET = "RESET"
    RECONFIGURE = "RECONFIGURE"
    INSTANCE = "INSTANCE"
    CONVERT = "CONVERT"
    DISCOVER = "DISCOVER"


@dataclass(frozen=True, slots=True)
class Disk:
    """A file of the template repository.

    Attributes:
        path: from the root of the share, without a leading slash: `1/tiny/tiny.vmdk`.
        format: a disk format of the platform, see `QEMU_FORMATS`.
        size: bytes of the file; 0 when not known.
    """

    path: str
    format: str
    size: int = 0


# The platform's names of disk formats, as far as qemu-img can write them, and its names for them.
QEMU_FORMATS = {"RAW": "raw", "QCOW2_SPARSE": "qcow2", "VMDK_SPARSE": "vmdk", "VDI_SPARSE": "vdi"}


@dataclass(frozen=True, slots=True)
class Machine:
    """The virtual machine that a request is about.

    Attributes:
        uuid: its identity everywhere.
        name: its name at the hypervisor or provider, `ABQ_<uuid>`.
        label: what its user calls it, and what its screen shows.
        cpu, ram: virtual processors, and memory in MiB.
        host: the node of the hypervisor that has it, empty in a public cloud region.
        disk: what it boots from, in a format that the hypervisor reads.
        mac, address: of its network card: the lease to make; empty for none.
        provider_id: its identity at a public cloud provider, once it is there.
    """

    uuid: str
    name: str
    label: str
    cpu: int
    ram: int
    host: str = ""
    disk: Disk | None = None
    mac: str = ""
    address: str = ""
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One piece of work for a remote service.

    Attributes:
        job: identity of this piece; a request that comes twice is done once.
        task: identity of the task that the user sees.
        options: for CONVERT `target` (a Disk as a dictionary, with `source` beside it), for INSTANCE
            `target`, for RECONFIGURE nothing (the machine has the new values).
    """

    job: str
    task: str
    work: Work
    machine: Machine | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a piece of work: what was done at which server, by which connection, in how many ms."""

    name: str
    server: str
    connection: str
    ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    Attributes:
        server: the node that answers.
        error: empty when it is done; else one sentence for the user.
        fault: the node that is at fault, where that is another one.
        result: DEPLOY `host`, `address`, `provider_id`, `display` ({protocol, host, port}); CONVERT and
            INSTANCE `disk` (a Disk as a dictionary); DISCOVER `machines`.
    """

    job: str
    task: str
    work: Work
    server: str
    error: str = ""
    fault: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class MachineEvent:
    """VSM saw that a virtual machine is in another state than before: ON, OFF, PAUSED or GONE; `at` in ms."""

    datacenter: str
    host: str
    uuid: str
    name: str
    state: str
    at: int


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """AM has a new template in its repository (DONE), lost one (DELETED), or could not take it (FAILED).

    CPP tells the same of the images of a public cloud provider: `disk.path` is the image's identity there,
    `disk.format` is `AMI`, and there is nothing to convert.
    """

    datacenter: str
    enterprise: int
    state: str
    name: str
    disk: Disk
    description: str = ""
    cpu: int = 1
    ram: int = 16
    error: str = ""
    user: str = ""


Document = Request | Answer | MachineEvent | TemplateEvent


def now() -> int:
    """Milliseconds since 1970, as the platform counts them."""
    return round(time.time() * 1000)


def dump(document: Document) -> bytes:
    """Write a message's body."""
    return json.dumps(asdict(document), separators=(",", ":")).encode()


def _disk(value: dict[str, Any] | None) -> Disk | None:
    return None if value is None else Disk(**value)


def disk(value: object) -> Disk:
    """Read a disk. Raises `BadMessage`."""
    try:
        return Disk(**value)  # type: ignore[arg-type]
    except TypeError as error:
        raise BadMessage(f"no disk: {error}") from error


def load_request(body: bytes) -> Request:
    """Read a request. Raises `BadMessage` for anything else."""
    try:
        fields = json.loads(body)
        machine = fields.pop("machine", None)
        if machine is not None:
            machine = Machine(**{**machine, "disk": _disk(machine.get("disk"))})
        return Request(**{**fields, "work": Work(fields["work"]), "machine": machine})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadMessage(f"no request: {error}") from error


def load_answer(body: bytes) -> Answer:
    """Read an answer. Raises `BadMessage` for anything else."""
    try:
        fields = json.loads(body)
        steps = tuple(Step(**one) for one in fields.pop("steps", ()))
        return Answer(**{**fields, "work": Work(fields["work"]), "steps": steps})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadMessage(f"no answer: {error}") from error


def load_machine_event(body: bytes) -> MachineEvent:
    """Read what VSM saw. Raises `BadMessage` for anything else."""
    try:
        return MachineEvent(**json.loads(body))
    except (ValueError, TypeError) as error:
        raise BadMessage(f"no event of a machine: {error}") from error


def load_template_event(body: bytes) -> TemplateEvent:
    """Read what AM says. Raises `BadMessage` for anything else."""
    try:
        fields = json.loads(body)
        return TemplateEvent(**{**fields, "disk": Disk(**fields["disk"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BadMessage(f"no event of a template: {error}") from error
