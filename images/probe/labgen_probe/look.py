"""`look`: what there is in this network namespace, from the kernel's own tables. Sends nothing.

The answer has `listeners` (transport, address, port; loopback ones too), `addresses` (interface, address,
prefix; IPv4, not the loopback's), `ipv6` (the same), `ipv6_usable` (interfaces over which IPv6 could be
sent), `routes` (network, gateway or null, interface) and `rules` (what nftables has in force, by table;
null for a table that does not exist; `fault` says why they could not be read).
"""

from __future__ import annotations

import errno
import os
import socket

from labgen_probe.kernel import addresses, tcp_listeners
from labgen_probe.tables import ipv6_of, listeners_of, routes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["answer", "rules_of"]

_PROC = "/proc/net"
_RULES = "LABGEN_RULES"  # the number of the file that labgen-probe-session has them in
_TABLES = ("labgen", "labgen_cuts")
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
        "rules": _rules_in_force(),
    }


def rules_of(said: str | None) -> dict[str, str | None]:
    """Return the text of each table in what nft said, or None for no table; None for who heard nothing of it.

    What it says ends with a line `end`, and with `nft: CODE` before that if it failed.
    """
    found: dict[str, str | None] = {"fault": "", **dict.fromkeys(_TABLES)}
    if said is None:
        found["fault"] = "nobody read them: the probe began without root"
        return found
    text, end, rest = said.rpartition("end\n")
    text = text or rest
    text, failed, _ = text.rpartition("nft: ") if "\nnft: " in f"\n{text}" else (text, "", "")
    if failed or not end:
        found["fault"] = " ".join(text.split()) or "nft failed without a word"
        return found
    for table in text.split("\n}\n"):
        name = table.partition(" {")[0].rpartition(" ")[2]
        if name in _TABLES:
            found[name] = f"{table}\n}}\n"
    return found


_rules: list[dict[str, str | None]] = []


def _rules_in_force() -> dict[str, str | None]:
    """Return what labgen-probe-session found in force when this began, also when it is asked again."""
    if not _rules:
        number = os.environ.get(_RULES)
        _rules.append(rules_of(None if number is None else _text(int(number))))
    return _rules[0]


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


def _text(path: str | int) -> str | None:
    """Return the text of a file, by its path or its number; None if there is none."""
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
