"""Sockets that ask: they never block, hear every ICMP message, and leave nothing behind."""

from __future__ import annotations

import socket
import struct

__all__ = ["IP_RECVERR", "open_socket"]

#: Socket option (include/uapi/linux/in.h): keep every ICMP message, and report those that are otherwise
#: not worth an error.
IP_RECVERR = 11
_RESET = struct.pack("=ii", 1, 0)  # struct linger: closing a connection resets it


def open_socket(kind: int, ttl: int) -> socket.socket:
    """Return a socket of `kind` (SOCK_STREAM, SOCK_DGRAM); 0 is the usual `ttl`. Raises OSError."""
    probe = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        probe.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if ttl:
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    except OSError:
        probe.close()
        raise
    return probe
