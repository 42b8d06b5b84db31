"""What an error of a socket says about the question: refused, unreachable, or a trouble of our own.

Measured with rules of nftables in the output and input hooks (Linux 6.18), and the same for either end:

    TCP, `reject with tcp reset`             connect: ECONNREFUSED
    TCP, `reject with icmpx ...`             connect goes on; SO_ERROR tells what the ICMP message said
    TCP, `drop`                              nothing, so a timeout
    UDP, output, `reject` or `drop`          send: EPERM
    UDP, input of the other end, `reject`    SO_ERROR or recv: what the ICMP message said
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from labgen_probe.sockets import IP_RECVERR

__all__ = ["FAILED", "OPEN", "REFUSED", "SILENT", "TIMEOUT", "UNREACHABLE", "reason", "verdict"]

OPEN, REFUSED, UNREACHABLE, TIMEOUT, SILENT, FAILED = (
    "open",
    "refused",
    "unreachable",
    "timeout",
    "silent",
    "failed",
)
_VERDICTS = {
    0: OPEN,
    # Somebody accepted and hung up at once.
    errno.ECONNRESET: OPEN,
    errno.EPIPE: OPEN,
    errno.ECONNREFUSED: REFUSED,
    # This node's own rules, or a route that forbids.
    errno.EPERM: REFUSED,
    errno.EACCES: REFUSED,
    errno.ENETUNREACH: UNREACHABLE,
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.EHOSTDOWN: UNREACHABLE,
    errno.ENETDOWN: UNREACHABLE,
    # What the kernel makes of the ICMP messages "host isolated" and "protocol unreachable".
    errno.ENONET: UNREACHABLE,
    errno.ENOPROTOOPT: UNREACHABLE,
    errno.ETIMEDOUT: TIMEOUT,
}
_DISCARD = 9
_ERROR = struct.Struct("=IBBBBII4x4s")  # struct sock_extended_err, and the IPv4 address of who sent it
_FROM_ICMP, _UNREACHABLE_TYPE = 2, 3
_PROHIBITED = frozenset({9, 10, 13})  # network, host, communication administratively prohibited (RFC 1812)


def verdict(code: int, probe: socket.socket, address: str) -> str:
    """Return the outcome that `code`, an error of `probe` on its way to `address`, stands for.

    What is no statement about the target is `failed`, and `reason` says it in words.
    """
    if code == errno.EHOSTUNREACH and _prohibited_here(probe):
        return REFUSED
    if code == errno.EADDRNOTAVAIL:
        return FAILED if _has_source(address) else UNREACHABLE
    return _VERDICTS.get(code, FAILED)


def reason(code: int) -> str:
    """Return an error's words."""
    if code == errno.EADDRNOTAVAIL:
        return "no local port is left"
    return os.strerror(code)


def _prohibited_here(probe: socket.socket) -> bool:
    """Whether it was this node itself that sent "administratively prohibited": its own rules say no."""
    try:
        _, notes, _, _ = probe.recvmsg(1, 512, socket.MSG_ERRQUEUE)
        own = probe.getsockname()[0]
    except OSError:
        return False
    for level, kind, data in notes:
        if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR) and len(data) >= _ERROR.size:
            _, origin, icmp, code, _, _, _, sender = _ERROR.unpack_from(data)
            if (origin, icmp) == (_FROM_ICMP, _UNREACHABLE_TYPE) and code in _PROHIBITED:
                return bool(socket.inet_ntoa(sender) == own)
    return False


def _has_source(address: str) -> bool:
    """Whether there is an address to ask from: if so, EADDRNOTAVAIL means that all local ports are taken.

    UDP has ports of its own, and to connect sends nothing.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            return other.connect_ex((address, _DISCARD)) != errno.EADDRNOTAVAIL
    except OSError:
        return True
