"""Addresses and TCP listeners of this network namespace, as the kernel tells them over netlink.

No file has all addresses by interface. A file has the listeners, but to read it takes the kernel
milliseconds: it walks through all the room that there is for connections.
"""

from __future__ import annotations

import socket
import struct

from labgen_probe.netlink import attributes, dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["address_in", "addresses", "listener_in", "tcp_listeners"]

_GET_ADDRESSES = 22
_LOCAL = 2  # an attribute of an address: this end's, where an interface has two ends
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix, flags, scope, interface (struct ifaddrmsg)

_SOCK_DIAG, _BY_FAMILY = 4, 20  # sock_diag (7)
_LISTEN = 10
_ASKED = struct.Struct("=BBBxI48x")  # family, protocol, extensions, states, any socket
_SOCKET = struct.Struct("!BBxxHxx16s")  # family, state, port, address (the beginning of struct inet_diag_msg)
_MAPPED = bytes(10) + b"\xff\xff"


def addresses() -> list[dict[str, Any]]:
    """Return every interface's IPv4 addresses but the loopback's. Raises OSError."""
    names = dict(socket.if_nameindex())
    asked = _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)
    told = [address_in(one, names) for one in dump(socket.NETLINK_ROUTE, _GET_ADDRESSES, asked)]
    return [one for one in told if one["interface"] != "lo"]


def address_in(message: bytes, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the address that a message tells; `names` are the interfaces by their index."""
    _, prefix, _, _, index = _ADDRESS.unpack_from(message)
    local = dict(attributes(message[_ADDRESS.size :]))[_LOCAL]
    name = names.get(index, f"interface {index}")
    return {"interface": name, "address": socket.inet_ntoa(local), "prefix": prefix}


def tcp_listeners() -> list[dict[str, Any]]:
    """Return who accepts TCP connections. Raises OSError when this kernel does not tell it this way."""
    return [
        listener_in(one)
        for family in (socket.AF_INET, socket.AF_INET6)
        for one in dump(_SOCK_DIAG, _BY_FAMILY, _ASKED.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTEN))
    ]


def listener_in(message: bytes) -> dict[str, Any]:
    """Return the listener that a message tells; IPv4 in IPv6's clothes (`::ffff:10.0.0.1`) as IPv4."""
    family, _, port, raw = _SOCKET.unpack_from(message)
    if family == socket.AF_INET:
        address = socket.inet_ntoa(raw[:4])
    elif raw.startswith(_MAPPED):
        address = socket.inet_ntoa(raw[len(_MAPPED) :])
    else:
        address = socket.inet_ntop(socket.AF_INET6, raw)
    return {"transport": "tcp", "address": address, "port": port}
