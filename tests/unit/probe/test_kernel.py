"""What the kernel tells over netlink: its messages, taken apart."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest
from labgen_probe import kernel
from labgen_probe.kernel import address_in, addresses, listener_in, tcp_listeners
from labgen_probe.netlink import attributes, dump, messages

DONE, ERROR, OTHER = 3, 2, 20
ROUTE_FAMILY, SOCKETS_FAMILY = 0, 4


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_messages_of_any_length() -> None:
    part = message(OTHER, b"") + message(OTHER, b"12345") + message(OTHER, b"1234")
    assert messages(part) == ([b"", b"12345", b"1234"], False)
    assert messages(part + message(DONE, bytes(4))) == ([b"", b"12345", b"1234"], True)
    assert messages(message(DONE, bytes(4))) == ([], True)


def test_a_kernel_that_refuses_does_not_pass_for_one_that_has_nothing() -> None:
    with pytest.raises(OSError, match=f"does not tell: {os.strerror(errno.ENOENT)}") as refused:
        messages(message(ERROR, struct.pack("=i", -errno.ENOENT)))
    assert refused.value.errno == errno.ENOENT


def test_this_kernel_refuses_what_there_is_not() -> None:
    with pytest.raises(OSError, match="the kernel does not tell"):
        list(dump(SOCKETS_FAMILY, 4000, b""))


def test_attributes_of_any_length() -> None:
    data = attribute(3, b"eth0\0") + attribute(2, b"1234") + attribute(9, b"")
    assert list(attributes(data)) == [(3, b"eth0\0"), (2, b"1234"), (9, b"")]


def address(index: int) -> bytes:
    """Make a message of an interface with two ends: 10.210.0.18/28 is this one."""
    head = struct.pack("=BBBBI", socket.AF_INET, 28, 0, 0, index)
    far, near = map(socket.inet_aton, ("10.9.9.9", "10.210.0.18"))
    return head + attribute(3, b"eth0\0") + attribute(1, far) + attribute(2, near)


def test_an_address() -> None:
    assert address_in(address(2), {2: "eth0"}) == {
        "interface": "eth0",
        "address": "10.210.0.18",
        "prefix": 28,
    }
    assert address_in(address(7), {2: "eth0"})["interface"] == "interface 7"


def test_addresses_but_the_loopbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "dump", lambda *_: iter([address(1), address(2)]))
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    assert [one["interface"] for one in addresses()] == ["eth0"]


@pytest.mark.parametrize(
    ("family", "raw", "told"),
    [
        (socket.AF_INET, socket.inet_aton("10.210.0.40") + b"\xff" * 12, "10.210.0.40"),
        (socket.AF_INET6, bytes(16), "::"),
        (socket.AF_INET6, bytes(15) + b"\1", "::1"),
        (socket.AF_INET6, bytes(10) + b"\xff\xff" + socket.inet_aton("10.210.0.40"), "10.210.0.40"),
    ],
)
def test_a_listener(family: int, raw: bytes, told: str) -> None:
    body = struct.pack("!BBBBHH16s", family, 10, 0, 0, 8009, 0, raw) + bytes(48)
    assert listener_in(body) == {"transport": "tcp", "address": told, "port": 8009}


def test_who_listens_here() -> None:
    """And only who listens: neither the connection nor its other end."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        connection, _ = server.accept()
        with connection:
            seen = [one for one in tcp_listeners() if one["address"] == "127.0.0.1"]
        own, other = server.getsockname()[1], client.getsockname()[1]
    assert [one["port"] for one in seen].count(own) == 1
    assert other not in [one["port"] for one in seen]
