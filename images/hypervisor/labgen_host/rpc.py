"""AIM's service in Thrift's terms: its structures, its calls and a processor that serves them.

The names, the numbers of the fields and the transport (binary protocol, buffered, no frames) are those
of the agent's published description (platform.md, R14 and row 39). Only what a lab's host can really
do is listed: Thrift's own answer for any other name, "unknown method", is the true one.
"""

# ruff: noqa: N815  # the fields have the names of AIM's description

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from thrift.Thrift import TApplicationException, TMessageType, TType

Spec = tuple[Any, ...]

_STRING, _I64, _I32, _BOOL, _DOUBLE = TType.STRING, TType.I64, TType.I32, TType.BOOL, TType.DOUBLE


def spec(first: int, *fields: tuple[int, str, Any]) -> Spec:
    """Build Thrift's description of a structure; FIRST is the number of its first field (0 or 1)."""
    entries = [(first + i, kind, name, arg, None) for i, (kind, name, arg) in enumerate(fields)]
    return tuple([None] * first + entries)


def text(name: str) -> tuple[int, str, Any]:
    """Describe a field that holds a string in UTF-8."""
    return (_STRING, name, "UTF8")


class Structure:
    """What Thrift asks of a structure that it writes."""

    thrift_spec: ClassVar[Spec]

    def write(self, out: Any) -> None:
        """Write the fields in the order of their numbers."""
        out.writeStruct(self, self.thrift_spec)


@dataclass
class Datastore(Structure):
    """A place for disks, sizes in bytes."""

    thrift_spec: ClassVar[Spec] = spec(
        1, text("device"), text("path"), text("type"), (_I64, "totalSize", None), (_I64, "usableSize", None)
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
        (_I64, "version", None),
        (_I32, "cores", None),
        (_I32, "sockets", None),
        (_DOUBLE, "memory", None),
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
        (_I32, "state", None),
        (_I32, "numberVirtCpu", None),
        (_DOUBLE, "memory", None),
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
        1, (_I32, "code", None), (_I32, "domain", None), text("msg"), (_I32, "level", None)
    )

    def __init__(self, code: int, domain: int, msg: str, level: int) -> None:
        """Keep libvirt's own numbers and words."""
        super().__init__(msg)
        self.code, self.domain, self.msg, self.level = code, domain, msg, level


@dataclass(frozen=True)
class Call:
    """One method of the service: its arguments (all strings), its result and its exception."""

    arguments: tuple[str, ...] = ()
    result: tuple[int, Any] | None = None
    error: type[HostError | LibvirtFailed] = HostError
    arguments_spec: Spec = field(init=False)
    reply_spec: Spec = field(init=False)

    def __post_init__(self) -> None:
        """Work out the two structures that go over the wire."""
        object.__setattr__(self, "arguments_spec", spec(1, *map(text, self.arguments)))
        kind, of = self.result or (TType.VOID, None)
        success = (0, kind, "success", of, None) if self.result else None
        failure = (1, TType.STRUCT, "failure", (self.error, self.error.thrift_spec), None)
        object.__setattr__(self, "reply_spec", (success, failure))


def _struct(cls: Any) -> tuple[int, Any]:
    return (TType.STRUCT, (cls, cls.thrift_spec))


def _list(cls: Any) -> tuple[int, Any]:
    return (TType.LIST, (*_struct(cls), False))


_ON_DOMAIN = Call(("domainName",), error=LibvirtFailed)

CALLS: dict[str, Call] = {
    "checkRimpConfiguration": Call(),
    "getDiskFileSize": Call(("virtualImageDatastorePath",), (_I64, None)),
    "getDatastores": Call(result=_list(Datastore)),
    "getNetInterfaces": Call(result=_list(NetInterface)),
    "checkVLANConfiguration": Call(),
    "getInitiatorIQN": Call(result=(_STRING, "UTF8")),
    "getNodeInfo": Call(result=_struct(NodeInfo), error=LibvirtFailed),
    "getDomains": Call(result=_list(DomainInfo), error=LibvirtFailed),
    "defineDomain": Call(("xmlDesc",), error=LibvirtFailed),
    "undefineDomain": _ON_DOMAIN,
    "existDomain": Call(("domainName",), (_BOOL, None)),
    "getDomainState": Call(("domainName",), (_I32, None), LibvirtFailed),
    "getDomainInfo": Call(("domainName",), _struct(DomainInfo), LibvirtFailed),
    "powerOn": _ON_DOMAIN,
    "powerOff": _ON_DOMAIN,
    "reset": _ON_DOMAIN,
    "pause": _ON_DOMAIN,
    "resume": _ON_DOMAIN,
}


class _Message:
    """The fields of one message, set by their names."""

    success: Any = None
    failure: Exception | None = None


class Processor:
    """Reads one call, has HANDLER do it and writes the answer: what Thrift's servers ask for."""

    def __init__(self, handler: object) -> None:
        """Serve with HANDLER, which has a method for each name in CALLS."""
        self._handler = handler

    def process(self, iprot: Any, oprot: Any) -> None:
        """Serve one call; an error of the handler is answered, never raised."""
        name, _, sequence = iprot.readMessageBegin()
        call = CALLS.get(name)
        if call is None:
            iprot.skip(TType.STRUCT)
            iprot.readMessageEnd()
            unknown = TApplicationException(TApplicationException.UNKNOWN_METHOD, f"Unknown function {name}")
            self._reply(oprot, TMessageType.EXCEPTION, name, sequence, unknown.write)
            return
        request = _Message()
        iprot.readStruct(request, call.arguments_spec)
        iprot.readMessageEnd()
        method: Callable[..., Any] = getattr(self._handler, name)
        reply = _Message()
        try:
            reply.success = method(*(getattr(request, a, "") or "" for a in call.arguments))
        except call.error as error:
            reply.failure = error
        except Exception as error:  # noqa: BLE001  # the caller must hear of it, the server must live
            internal = TApplicationException(TApplicationException.INTERNAL_ERROR, repr(error))
            self._reply(oprot, TMessageType.EXCEPTION, name, sequence, internal.write)
            return
        self._reply(
            oprot, TMessageType.REPLY, name, sequence, lambda out: out.writeStruct(reply, call.reply_spec)
        )

    @staticmethod
    def _reply(oprot: Any, kind: int, name: str, sequence: int, write: Callable[[Any], None]) -> None:
        oprot.writeMessageBegin(name, kind, sequence)
        write(oprot)
        oprot.writeMessageEnd()
        oprot.trans.flush()
