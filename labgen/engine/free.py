"""What is free on this machine: a supernet that clashes with nothing, and host ports."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labgen.errors import InvalidInput, LabgenError
from labgen.names import Label
from labgen.plan.addresses import DEFAULT_SUPERNET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.engine.client import Engine

__all__ = ["Taken", "choose_port", "choose_supernet", "is_port_free", "taken_networks"]

_CANDIDATES: Final = 40  # 10.210.0.0/16 to 10.249.0.0/16
_PORTS_TRIED: Final = 200
Taken = dict[IPv4Network, str]


def taken_networks(engine: Engine, lab: str) -> tuple[Taken, IPv4Network | None]:
    """Return the networks in use with who uses them, and the supernet that `lab` itself has, if it runs."""
    taken = _host_routes()
    own: IPv4Network | None = None
    bridges: set[IPv4Network] = set()
    for network in engine.sdk.api.networks():
        labels = network.get("Labels") or {}
        if labels.get(Label.LAB) == lab:
            with suppress(ValueError, KeyError):
                own = IPv4Network(labels[Label.SUPERNET])
            bridges.update(_subnets(network))
            continue
        taken |= dict.fromkeys(_subnets(network), f"Docker network '{network['Name']}'")
    # The lab's own bridges are routes of the host too.
    return {one: who for one, who in taken.items() if one not in bridges}, own


def _subnets(network: dict[str, Any]) -> list[IPv4Network]:
    found = []
    for config in (network.get("IPAM") or {}).get("Config") or ():
        with suppress(ValueError, KeyError):  # IPv6
            found.append(IPv4Network(config["Subnet"], strict=False))
    return found


def _host_routes(table: Path = Path("/proc/net/route")) -> Taken:
    """Return this host's IPv4 routes but the default one. Empty where the kernel has no such table."""
    found: Taken = {}
    with suppress(OSError):
        for line in table.read_text("ascii").splitlines()[1:]:
            interface, destination, _, _, _, _, _, mask, *_ = line.split()
            network = int.from_bytes(bytes.fromhex(destination), "little")
            prefix = int(mask, 16).bit_count()
            if prefix:
                found[IPv4Network((network, prefix))] = f"the route through {interface}"
    return found


def choose_supernet(
    wanted: IPv4Network | None, own: IPv4Network | None, taken: Mapping[IPv4Network, str]
) -> IPv4Network:
    """Return the supernet for a lab: the wanted one, the one it has, or the first that is free.

    One that the lab has is given up when somebody else is in it too: another lab came up at the same time.
    Raises InvalidInput when the wanted one clashes, LabgenError when no candidate is free.
    """
    if wanted is not None:
        clash = _clash(wanted, taken)
        if clash:
            raise InvalidInput(
                f"supernet {wanted} overlaps {clash}",
                "Set another one (--set supernet=10.240.0.0/16), or none: labgen then finds a free one.",
            )
        return wanted
    if own is not None and not _clash(own, taken):
        return own
    first = int(DEFAULT_SUPERNET.network_address)
    for index in range(_CANDIDATES):
        candidate = IPv4Network((first + index * DEFAULT_SUPERNET.num_addresses, DEFAULT_SUPERNET.prefixlen))
        if not _clash(candidate, taken):
            return candidate
    raise LabgenError(
        f"none of the {_CANDIDATES} networks from {DEFAULT_SUPERNET} on is free",
        "Set one that is: --set supernet=172.20.0.0/16",
    )


def _clash(network: IPv4Network, taken: Mapping[IPv4Network, str]) -> str:
    return next((f"{one}: {who}" for one, who in taken.items() if one.overlaps(network)), "")


def choose_port(bind: IPv4Address, first: int, own: Iterable[int], avoid: Iterable[int]) -> int:
    """Return `first`, or the next host port that nobody listens on; `own` are ports this lab holds itself.

    Raises InvalidInput when this machine does not have the address `bind`, LabgenError when the next
    200 ports are all busy.
    """
    held, avoided = set(own), set(avoid)
    for port in range(first, min(first + _PORTS_TRIED, 65536)):
        if port not in avoided and (port in held or _is_free(bind, port)):
            return port
    raise LabgenError(
        f"no free port on {bind} from {first} on", "Free one, or choose: --set ports.https=9443"
    )


def is_port_free(bind: IPv4Address, port: int, own: Iterable[int]) -> bool:
    """Whether the lab may have `port`: nobody listens on it, or the lab itself. Raises as choose_port."""
    return port in own or _is_free(bind, port)


def _is_free(bind: IPv4Address, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it a port that was closed a moment ago counts as busy, though Docker could have it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(bind), port))
        except PermissionError:
            return True  # not for us to bind, but the engine publishes it
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise InvalidInput(
                    f"bind: {bind} is no address of this machine", "Set one that is, or 127.0.0.1."
                ) from error
            return False
    return True
