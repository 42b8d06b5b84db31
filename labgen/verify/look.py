"""What a probe sees when it only looks around: listeners, addresses, routes, and the rules in force."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Listener", "Look", "read_look"]


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A port that a program of the node waits on, at an address that others can reach."""

    transport: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Look:
    """A network namespace from inside. `rules` maps tables to what is in force (None: no such table).

    `ipv6` are addresses, and interfaces over which IPv6 could be sent. `fault` says why the rules could
    not be read, if so.
    """

    listeners: tuple[Listener, ...]
    addresses: tuple[str, ...]
    ipv6: tuple[str, ...]
    on_link: tuple[IPv4Network, ...]
    way_out: bool
    rules: Mapping[str, str | None]
    fault: str = ""

    def reaches(self, address: str) -> bool:
        """Whether `address` is on a network of its own: a packet to it needs no gateway."""
        number = int(IPv4Address(address))
        return any(number & int(one.netmask) == int(one.network_address) for one in self.on_link)


def read_look(answer: Mapping[str, Any]) -> Look:
    """Return the probe's answer to `look` as an object.

    Raises KeyError, TypeError or ValueError when it is not one.
    """
    rules = dict(answer["rules"])
    fault = str(rules.pop("fault", "") or "")
    routes = [(IPv4Network(one["network"]), one["gateway"]) for one in answer["routes"]]
    listeners = {
        Listener(str(one["transport"]), int(one["port"]), str(one["address"]))
        for one in answer["listeners"]
        if not _is_loopback(str(one["address"]))
    }
    return Look(
        listeners=tuple(sorted(listeners)),
        addresses=tuple(str(one["address"]) for one in answer["addresses"]),
        ipv6=(
            *(f"{one['address']} on {one['interface']}" for one in answer["ipv6"]),
            *(f"usable on {one}" for one in answer["ipv6_usable"]),
        ),
        on_link=tuple(network for network, gateway in routes if gateway is None),
        way_out=any(network.prefixlen == 0 for network, _ in routes),
        rules=rules,
        fault=fault,
    )


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
