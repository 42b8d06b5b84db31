"""`look`: what there is in this network namespace, from the kernel's own tables. Sends nothing.

The answer has `listeners` (transport, address, port; loopback ones too), `addresses` (interface, address,
prefix; IPv4, not the loopback's), `ipv6` (the same), `ipv6_usable` (interfaces over which IPv6 could be
sent), `routes` (network, gateway or null, interface) and `rules` (what nftables has in force, by table;
null for a table that does not exist; `fault` says why they could not be read).
"""

from __future__ import annotations

import errno
import socket

from labgen_probe.kernel import addresses, tcp_listeners
from labgen_probe.tables import ipv6_of, listeners_of, routes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["answer", "rules_of"]

_PROC = "/proc/net"
_RULES = "/tmp"  # noqa: S108 - where labgen-probe-session puts them
_TABLES = ("labgen", "labgen_cuts")
_ABSENT = "No such file or directory"  # how nft says that there is no such table
_LINK_LOCAL = "fe80::1"
_DISCARD = 9
_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def answer(_request: Mapping[str, Any]) -> dict[str, Any]:
    """Look around."""
    return {
        "listeners": [*_tcp_listeners(), *_listeners("udp", "udp6")],
        "addresses": addresses(),
        "ipv6": list(ipv6_of(_table("if_inet6"))),
        "ipv6_usable": list(_ipv6_usable()),
        "routes": list(routes_of(_table("route"))),
        "rules": rules_of(_RULES),
    }


def rules_of(folder: str) -> dict[str, str | None]:
    """Return what labgen-probe-session found in force: the text of each table, or None for no table."""
    found: dict[str, str | None] = {"fault": ""}
    for table in _TABLES:
        found[table] = _text(f"{folder}/rules.{table}")
        if found[table] is None:
            reason = _text(f"{folder}/rules.{table}.fault")
            if reason is None:
                found["fault"] = "nobody read them: the probe began without root, or without a place in /tmp"
            elif _ABSENT not in reason:
                found["fault"] = " ".join(reason.split()) or "nft failed without a word"
    return found


def _tcp_listeners() -> list[dict[str, Any]]:
    try:
        return tcp_listeners()
    except OSError:  # not every kernel tells it this way
        return _listeners("tcp", "tcp6")


def _listeners(*kinds: str) -> list[dict[str, Any]]:
    return [one for kind in kinds for one in listeners_of(kind, _table(kind))]


def _table(name: str) -> str:
    """Return a table of /proc/net. Only those of IPv6 may be missing: not every kernel has it."""
    text = _text(f"{_PROC}/{name}")
    if text is None and "6" not in name:
        raise FileNotFoundError(f"{_PROC}/{name} is missing")
    return text or ""


def _text(path: str) -> str | None:
    """Return the text of a file; None if there is none."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes longer than all else here
            return file.read()
    except FileNotFoundError:
        return None


def _ipv6_usable() -> Iterator[str]:
    """Yield the interfaces over which an IPv6 packet could be sent. To connect a UDP socket sends none."""
    for index, name in socket.if_nameindex():
        if name == "lo":
            continue
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.connect((_LINK_LOCAL, _DISCARD, 0, index))
        except OSError as error:
            if error.errno in _SHORTAGE:
                raise
            continue  # IPv6 is off, on this interface or in this kernel
        yield name
