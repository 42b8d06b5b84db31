"""The structures that go over the wire, each with Thrift's description of it."""

# ruff: noqa: N815  # the fields have the names of AIM's description

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from thrift.Thrift import TType

Spec = tuple[Any, ...]
Field = tuple[int, str, Any]

STRING, I64, I32, BOOL, DOUBLE = TType.STRING, TType.I64, TType.I32, TType.BOOL, TType.DOUBLE
# Thrift may leave out any field; the agent's own library then has the type's zero.
_ZERO: dict[int, Any] = {STRING: "", I64: 0, I32: 0, DOUBLE: 0.0}


def spec(first: int, *fields: Field) -> Spec:
    """Build Thrift's description of a structure; FIRST is the number of its first field (0 or 1)."""
    entries = [(first + i, kind, name, arg, None) for i, (kind, name, arg) in enumerate(fields)]
    return tuple([None] * first + entries)


def text(name: str) -> Field:
    """Describe a field that holds a string in UTF-8."""
    return (STRING, name, "UTF8")


class _Values:
    """A bare object, which Thrift sets the fields of."""


class Structure:
    """What Thrift asks of a structure that it reads and writes."""

    thrift_spec: ClassVar[Spec]

    @classmethod
    def read(cls, source: Any) -> Self:
        """Read a structure; a field that is not there is zero or empty."""
        values = _Values()
        source.readStruct(values, cls.thrift_spec)
        names = ((entry[2], entry[1]) for entry in cls.thrift_spec if entry)
        return cls(**{name: getattr(values, name, _ZERO[kind]) for name, kind in names})

    def write(self, out: Any) -> None:
        """Write the fields in the order of their numbers."""
        out.writeStruct(self, self.thrift_spec)


@dataclass
class Datastore(Structure):
    """A place for disks, sizes in bytes."""

    thrift_spec: ClassVar[Spec] = spec(
        1, text("device"), text("path"), text("type"), (I64, "totalSize", None), (I64, "usableSize", None)
    )
    device: str
    path: str
    type: str
    totalSize: int
    usableSize: int


@dataclass
class NetInterface(Structure):
    """A network interface with its IPv4 address, if it has one."""

    thrift_spec: ClassVar[Spec] = spec(1, text("name"), text("address"), text("physicalAddress"))
    name: str
    address: str
    physicalAddress: str


@dataclass
class NodeInfo(Structure):
    """The host itself; memory in KiB."""

    thrift_spec: ClassVar[Spec] = spec(
        1,
        text("name"),
        (I64, "version", None),
        (I32, "cores", None),
        (I32, "sockets", None),
        (DOUBLE, "memory", None),
    )
    name: str
    version: int
    cores: int
    sockets: int
    memory: float


@dataclass
class DomainInfo(Structure):
    """A virtual machine; state is 1 on, 2 off, 3 paused, 4 unknown; memory in KiB."""

    thrift_spec: ClassVar[Spec] = spec(
        1,
        text("name"),
        text("uuid"),
        (I32, "state", None),
        (I32, "numberVirtCpu", None),
        (DOUBLE, "memory", None),
        text("xmlDesc"),
    )
    name: str
    uuid: str
    state: int
    numberVirtCpu: int
    memory: float
    xmlDesc: str


class HostError(Structure, Exception):
    """What AIM calls a RimpException: a disk, a store or an interface is not as it should be."""

    thrift_spec: ClassVar[Spec] = spec(1, text("description"))

    def __init__(self, description: str) -> None:
        """Keep DESCRIPTION, which the caller gets to read."""
        super().__init__(description)
        self.description = description


class LibvirtFailed(Structure, Exception):
    """AIM's LibvirtException: libvirt refused, with its own code, domain, message and level."""

    thrift_spec: ClassVar[Spec] = spec(
        1, (I32, "code", None), (I32, "domain", None), text("msg"), (I32, "level", None)
    )

    def __init__(self, code: int, domain: int, msg: str, level: int) -> None:
        """Keep libvirt's own numbers and words."""
        super().__init__(msg)
        self.code, self.domain, self.msg, self.level = code, domain, msg, level
