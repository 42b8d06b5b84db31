"""Whether a name server is there at all, whatever it knows: one question by hand (RFC 1035, 4.1)."""

from __future__ import annotations

import os
import socket
import struct

__all__ = ["answers", "servers_in"]

_CONFIG = "/etc/resolv.conf"
_PORT = 53
_RECURSE = 0x0100
_TYPE_A, _CLASS_IN = 1, 1


def answers(name: str, seconds: float) -> bool:
    """Whether one of this node's name servers says anything about `name`, if only that it failed."""
    try:
        with open(_CONFIG, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not worth its time here
            servers = servers_in(file.read())
    except FileNotFoundError:
        servers = servers_in("")
    return any(_answers(server, name, seconds / len(servers)) for server in servers)


def servers_in(text: str) -> list[str]:
    """Return the name servers of a resolv.conf (5); without any the resolver asks its own machine."""
    rows = [line.split() for line in text.splitlines()]
    return [row[1] for row in rows if row[:1] == ["nameserver"] and len(row) > 1] or ["127.0.0.1"]


def _answers(server: str, name: str, seconds: float) -> bool:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        question = os.urandom(2) + _question(name)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.settimeout(seconds)
            probe.connect((server, _PORT))
            probe.send(question)
            return probe.recv(512)[:2] == question[:2]
    except (OSError, UnicodeError):
        return False


def _question(name: str) -> bytes:
    """Return a question for an IPv4 address, but for its number."""
    labels = [label.encode("idna") for label in name.split(".") if label]
    asked = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return struct.pack(">5H", _RECURSE, 1, 0, 0, 0) + asked + struct.pack(">2H", _TYPE_A, _CLASS_IN)
