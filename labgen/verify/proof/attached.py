"""Reads one service of compose.yaml: its place on networks, its published ports, where its rules are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from labgen.names import Label
from labgen.verify.proof.document import Block
from labgen.verify.proof.faults import NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.verify.proof.document import Value

__all__ = ["Attachment", "Port", "Service", "read_service"]

#: Where labgen-init and the container beside a foreign image look for rules.
_SEEN: Final = "/etc/labgen"
_RULES: Final = "firewall.nft"
#: Read here.
_READ: Final = {"labels", "network_mode", "networks", "ports", "volumes", "cap_add", "sysctls"}
#: No say in who reaches whom: `dns` and `extra_hosts` are about names, `depends_on` about time, limits and
#: files about the node.
_MUTE: Final = {
    *(
        "cap_drop",
        "command",
        "container_name",
        "cpu_shares",
        "cpus",
        "depends_on",
        "dns",
        "environment",
        "extra_hosts",
        "healthcheck",
    ),
    *("hostname", "image", "init", "logging", "mem_limit", "memswap_limit", "pids_limit", "pull_policy"),
    *("read_only", "restart", "secrets", "security_opt", "stop_grace_period", "stop_signal", "tmpfs"),
}
_SYSCTLS: Final = {"net.ipv6.conf.all.disable_ipv6": "1"}
_ATTACHMENT: Final = {"ipv4_address", "gw_priority", "aliases"}
_PORT: Final = re.compile(
    r"(?:(?P<bind>[\d.]+):)?(?P<host>\d{1,5}):(?P<inside>\d{1,5})(?:/(?P<transport>tcp|udp))?"
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A service's place on a network; an `address` of None is chosen by the engine."""

    network: str
    address: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Port:
    """A published port: `bind` is the host's address, `host` its port, `inside` the service's own."""

    bind: str
    host: int
    inside: int
    transport: str
    line: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service; `node` is empty for one that is none, `shares` names the one whose network it lives in."""

    name: str
    node: str
    labels: dict[str, str]
    attachments: tuple[Attachment, ...]
    shares: str
    published: tuple[Port, ...]
    rules: str | None
    caps: frozenset[str]
    line: int


def read_service(name: str, block: Block, line: int, file: str) -> Service:
    """Return the service `name` that `block` describes. Raises NotUnderstood."""
    for key in block.keys() - _READ - _MUTE:
        raise NotUnderstood(file, block.at(key), f"the key '{key}' of service '{name}'")
    labels = block.get("labels", Block(line))
    sysctls = block.get("sysctls", Block(line))
    if (
        not isinstance(labels, Block)
        or not isinstance(sysctls, Block)
        or not sysctls.items() <= _SYSCTLS.items()
    ):
        raise NotUnderstood(file, block.at("sysctls"), f"labels or sysctls of service '{name}'")
    mode = block.get("network_mode")
    shares = mode.removeprefix("service:") if isinstance(mode, str) and mode.startswith("service:") else ""
    if (mode is None) == ("networks" not in block) or not (shares or mode in {None, "none"}):
        # Without either Compose takes a network of its own choice, that leads out.
        raise NotUnderstood(
            file, block.lines.get("network_mode", line), f"which networks service '{name}' is on"
        )
    return Service(
        name=name,
        node=str(labels.get(Label.NODE, "")),
        labels={key: str(value) for key, value in labels.items()},
        attachments=tuple(_attachments(name, block, file)),
        shares=shares,
        published=tuple(_port(one, name, block, file) for one in _list(block, "ports", name, file)),
        rules=_rules(name, block, file),
        caps=frozenset(map(str, _list(block, "cap_add", name, file))),
        line=line,
    )


def _list(block: Block, key: str, name: str, file: str) -> list[Value]:
    found = block.get(key, [])
    if not isinstance(found, list):
        raise NotUnderstood(file, block.at(key), f"'{key}' of service '{name}' is no list")
    return found


def _attachments(name: str, block: Block, file: str) -> Iterator[Attachment]:
    networks = block.get("networks", Block(block.line))
    if not isinstance(networks, Block):
        raise NotUnderstood(file, block.at("networks"), f"'networks' of service '{name}' is no mapping")
    for network, one in networks.items():
        line = networks.at(network)
        if not isinstance(one, Block) or not one.keys() <= _ATTACHMENT:
            raise NotUnderstood(file, line, f"how service '{name}' is on network '{network}'")
        try:
            address = int(IPv4Address(str(one["ipv4_address"]))) if "ipv4_address" in one else None
        except ValueError:
            raise NotUnderstood(file, line, f"the address of service '{name}' on '{network}'") from None
        yield Attachment(network, address, line)


def _port(one: Value, name: str, block: Block, file: str) -> Port:
    found = _PORT.fullmatch(one) if isinstance(one, str) else None
    if not found:
        raise NotUnderstood(file, block.at("ports"), f"the published port {one} of service '{name}'")
    return Port(
        bind=found["bind"] or "0.0.0.0",  # noqa: S104 - what Compose makes of it
        host=int(found["host"]),
        inside=int(found["inside"]),
        transport=found["transport"] or "tcp",
        line=block.at("ports"),
    )


def _covers(target: str, path: str) -> bool:
    """Whether what is mounted at `target` is seen at `path`."""
    return f"{path}/".startswith(f"{target.rstrip('/')}/")


def _rules(name: str, block: Block, file: str) -> str | None:
    """Return the path of the rules below the rendered folder, if the service mounts any."""
    found = None
    for one in _list(block, "volumes", name, file):
        if not isinstance(one, str):
            raise NotUnderstood(file, block.at("volumes"), f"a volume of service '{name}'")
        source, _, rest = one.partition(":")
        target = rest.partition(":")[0]
        if target == _SEEN and found is None:
            found = f"{source.removeprefix('./')}/{_RULES}"
        elif target and (_covers(target, _SEEN) or _covers(target, f"{_SEEN}/{_RULES}")):
            raise NotUnderstood(file, block.at("volumes"), f"'{one}', which hides the rules of '{name}'")
    return found
