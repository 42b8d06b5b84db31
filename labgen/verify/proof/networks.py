"""Reads one network of compose.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from labgen.names import Label
from labgen.verify.proof.document import Block
from labgen.verify.proof.faults import NotUnderstood

__all__ = ["Network", "read_network"]

_KEYS: Final = {"name", "internal", "driver", "driver_opts", "ipam", "labels"}
_YES: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network. Addresses are numbers; `gateway` is the host's own there, None where it has none.

    `among` says whether the engine lets members reach each other; `rows` are the document rows of its label.
    """

    name: str
    first: int
    last: int
    internal: bool
    gateway: int | None
    among: bool
    rows: tuple[str, ...]
    line: int

    @property
    def subnet(self) -> str:
        """The subnet as people write it."""
        return f"{IPv4Address(self.first)}/{32 - (self.last - self.first).bit_length()}"


def read_network(name: str, block: Block, line: int, file: str) -> Network:
    """Return the network `name` that `block` describes. Raises NotUnderstood."""
    for key in block.keys() - _KEYS:
        raise NotUnderstood(file, block.at(key), f"the key '{key}' of network '{name}'")
    if block.get("driver", "bridge") != "bridge":
        raise NotUnderstood(file, block.at("driver"), f"the driver of network '{name}'")
    subnet, gateway = _ipam(name, block, file)
    options = block.get("driver_opts", Block(line))
    labels = block.get("labels", Block(line))
    if not isinstance(options, Block) or not isinstance(labels, Block):
        raise NotUnderstood(file, line, f"options or labels of network '{name}'")
    isolated, among = False, True
    for key, value in options.items():
        match key, value:
            case ("com.docker.network.bridge.gateway_mode_ipv4", "isolated"):
                isolated = True
            case ("com.docker.network.bridge.enable_icc", "true" | "false"):
                among = value == "true"
            case _:
                raise NotUnderstood(file, options.at(key), f"the option '{key}: {value}' of network '{name}'")
    internal = block.get("internal", "false")
    if internal not in _YES:
        raise NotUnderstood(file, block.at("internal"), f"'internal: {internal}' of network '{name}'")
    return Network(
        name=name,
        first=int(subnet.network_address),
        last=int(subnet.broadcast_address),
        internal=_YES[str(internal)],
        gateway=None if isolated and _YES[str(internal)] else gateway,
        among=among,
        rows=tuple(str(labels.get(Label.CONNECTIONS, "")).split()),
        line=line,
    )


def _ipam(name: str, block: Block, file: str) -> tuple[IPv4Network, int]:
    match block.get("ipam"):
        case {"config": [Block() as config], **others} if not others and config.keys() <= {
            "subnet",
            "gateway",
            "aux_addresses",  # kept free: no container gets them
        }:
            try:
                subnet = IPv4Network(str(config.get("subnet")))
                gateway = config.get("gateway", str(subnet.network_address + 1))
                return subnet, int(IPv4Address(str(gateway)))
            except ValueError:
                pass
    raise NotUnderstood(file, block.at("ipam"), f"which subnet network '{name}' has")
