"""AIM's calls: the one table from which both the agent and who asks it know the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from thrift.Thrift import TType

from labgen_aim.structures import (
    BOOL,
    I32,
    I64,
    STRING,
    Datastore,
    DomainInfo,
    HostError,
    LibvirtFailed,
    NetInterface,
    NodeInfo,
    Spec,
    spec,
    text,
)


class Message:
    """The fields of one message, set by their names."""

    success: Any = None
    failure: Exception | None = None


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
    "getDiskFileSize": Call(("virtualImageDatastorePath",), (I64, None)),
    "getDatastores": Call(result=_list(Datastore)),
    "getNetInterfaces": Call(result=_list(NetInterface)),
    "copyFromRepositoryToDatastore": Call(
        ("virtualImageRepositoryPath", "datastorePath", "virtualMachineUUID")
    ),
    "deleteVirtualImageFromDatastore": Call(("datastorePath", "virtualMachineUUID")),
    "copyFromDatastoreToRepository": Call(
        ("virtualMachineUUID", "snapshot", "destinationRepositoryPath", "sourceDatastorePath")
    ),
    "checkVLANConfiguration": Call(),
    "getInitiatorIQN": Call(result=(STRING, "UTF8")),
    "getNodeInfo": Call(result=_struct(NodeInfo), error=LibvirtFailed),
    "getDomains": Call(result=_list(DomainInfo), error=LibvirtFailed),
    "defineDomain": Call(("xmlDesc",), error=LibvirtFailed),
    "undefineDomain": _ON_DOMAIN,
    "existDomain": Call(("domainName",), (BOOL, None)),
    "getDomainState": Call(("domainName",), (I32, None), LibvirtFailed),
    "getDomainInfo": Call(("domainName",), _struct(DomainInfo), LibvirtFailed),
    "powerOn": _ON_DOMAIN,
    "powerOff": _ON_DOMAIN,
    "reset": _ON_DOMAIN,
    "pause": _ON_DOMAIN,
    "resume": _ON_DOMAIN,
}
