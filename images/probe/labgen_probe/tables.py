"""The kernel's tables of a network namespace (/proc/net), read from their text."""

from __future__ import annotations

import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["ipv6_of", "listeners_of", "routes_of"]

# States (include/net/tcp_states.h): of a TCP socket that accepts, of a UDP socket that nobody is joined to.
_LISTEN, _UNCONNECTED = "0A", "07"
# Flags of a route (include/uapi/linux/route.h).
_UP, _GATEWAY, _REJECT = 0x1, 0x2, 0x200
_MAPPED = bytes(10) + b"\xff\xff"


def listeners_of(kind: str, table: str) -> Iterator[dict[str, Any]]:
    """Yield who waits for others, from /proc/net/`kind`: `tcp`, `tcp6`, `udp` or `udp6`.

    An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is given as IPv4.
    """
    wanted = _LISTEN if kind.startswith("tcp") else _UNCONNECTED
    for line in table.splitlines()[1:]:
        _, local, _, state, *_ = line.split(maxsplit=4)
        if state == wanted:
            address, _, port = local.partition(":")
            yield {"transport": kind[:3], "address": _address(address), "port": int(port, 16)}


def routes_of(table: str) -> Iterator[dict[str, Any]]:
    """Yield the routes of /proc/net/route that lead somewhere; `gateway` is None on a network of its own."""
    for line in table.splitlines()[1:]:
        name, destination, gateway, flags, _, _, _, mask, *_ = line.split()
        set_flags = int(flags, 16)
        if set_flags & _UP and not set_flags & _REJECT:
            yield {
                "network": f"{_address(destination)}/{int(mask, 16).bit_count()}",
                "gateway": _address(gateway) if set_flags & _GATEWAY else None,
                "interface": name,
            }


def ipv6_of(table: str) -> Iterator[dict[str, Any]]:
    """Yield the IPv6 addresses of /proc/net/if_inet6, but for the loopback's."""
    for line in table.splitlines():
        text, _, prefix, _, _, name = line.split()
        if name != "lo":
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(text))
            yield {"interface": name, "address": address, "prefix": int(prefix, 16)}


def _address(text: str) -> str:
    """Return an address that is written as words of 32 bits in this machine's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    if len(words) == 1:
        return socket.inet_ntoa(raw)
    if raw.startswith(_MAPPED):
        return socket.inet_ntoa(raw[len(_MAPPED) :])
    return socket.inet_ntop(socket.AF_INET6, raw)
