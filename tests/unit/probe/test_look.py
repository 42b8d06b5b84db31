"""What there is in a network namespace: the kernel's tables, read, and the rules in force."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any, Self

import pytest
from labgen_probe import look
from labgen_probe.look import answer, rules_of
from labgen_probe.tables import ipv6_of, listeners_of, routes_of

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F49 00000000:0000 0A 00000000:00000000 00:00000000 00000000   900        0 1 1 0
   1: 0B00007F:9A27 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 2800D20A:1F4A 2200D20A:C350 01 00000000:00000000 00:00000000 00000000   900        0 3 1 0
   3: 2800D20A:1F4A 2200D20A:C351 06 00000000:00000000 03:00000FB6 00000000     0        0 0 3 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0801 00000000000000000000000000000000:0000 0A x
   1: 0000000000000000FFFF00002800D20A:0050 00000000000000000000000000000000:0000 0A x
   2: 000080FE00000000FF005000010000FE:0016 00000000000000000000000000000000:0000 0A x
   3: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A x
"""
UDP = """\
  sl  local_address rem_address   st tx_queue rx_queue
  10: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000   900        0 1 2 0
  11: 0100007F:8001 0100007F:0035 01 00000000:00000000 00:00000000 00000000   900        0 1 2 0
"""
ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth5	00000000	0100D20A	0003	0	0	0	00000000	0	0	0
eth6	1000D20A	00000000	0001	0	0	0	F0FFFFFF	0	0	0
eth7	2000D20A	00000000	0000	0	0	0	F0FFFFFF	0	0	0
*	0000A8C0	00000000	0201	0	0	0	0000FFFF	0	0	0
"""
IPV6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000004000fffe000001 02 40 20 80     eth0
"""


def places(kind: str, table: str) -> list[tuple[str, int]]:
    return [(one["address"], one["port"]) for one in listeners_of(kind, table)]


def test_who_listens() -> None:
    assert places("tcp", TCP) == [("0.0.0.0", 8009), ("127.0.0.11", 39463)]  # noqa: S104
    assert list(listeners_of("udp", UDP)) == [{"transport": "udp", "address": "0.0.0.0", "port": 67}]  # noqa: S104
    assert {one["transport"] for one in listeners_of("tcp6", TCP6)} == {"tcp"}
    assert list(listeners_of("udp6", "")) == []


def test_addresses_of_either_kind() -> None:
    assert places("tcp6", TCP6) == [
        ("::", 2049),
        ("10.210.0.40", 80),
        ("fe80::50:ff:fe00:1", 22),
        ("::1", 25),
    ]


def test_routes() -> None:
    """Neither one that is down nor one that only forbids leads anywhere."""
    assert list(routes_of(ROUTES)) == [
        {"network": "0.0.0.0/0", "gateway": "10.210.0.1", "interface": "eth5"},
        {"network": "10.210.0.16/28", "gateway": None, "interface": "eth6"},
    ]


def test_ipv6() -> None:
    assert list(ipv6_of(IPV6)) == [{"interface": "eth0", "address": "fe80::40:ff:fe00:1", "prefix": 64}]
    assert list(ipv6_of("")) == []


def test_this_machine() -> None:
    """Its own kernel: whatever it is, it has what the standard library sees too."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        ports = {"tcp": server.getsockname()[1], "udp": datagrams.getsockname()[1]}
        here = answer({})
    for transport, port in ports.items():
        assert {"transport": transport, "address": "127.0.0.1", "port": port} in here["listeners"]
    interfaces = {name for _, name in socket.if_nameindex()}
    assert {one["interface"] for one in here["addresses"]} <= interfaces - {"lo"}
    assert {*here["ipv6_usable"]} <= interfaces - {"lo"}
    assert set(here) == {"listeners", "addresses", "ipv6", "ipv6_usable", "routes", "rules"}


def test_a_kernel_that_has_its_listeners_only_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError(errno.ENOENT, "no such thing")

    monkeypatch.setattr(look, "tcp_listeners", refused)
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = {"transport": "tcp", "address": "127.0.0.1", "port": server.getsockname()[1]}
        assert here in answer({})["listeners"]


def test_a_table_that_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"tcp": TCP, "udp": UDP, "route": ROUTES}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(look, "_PROC", str(tmp_path))
    monkeypatch.setattr(look, "tcp_listeners", lambda: look._listeners("tcp", "tcp6"))
    here = answer({})
    assert len(here["listeners"]) == 3
    assert here["ipv6"] == []
    (tmp_path / "udp").unlink()
    with pytest.raises(FileNotFoundError, match="udp is missing"):
        answer({})


class Without(socket.socket):
    """A kernel that has no IPv6, for this reason."""

    reason = 0

    def __new__(cls, family: int = -1, *_: Any, **__: Any) -> Self:
        if family == socket.AF_INET6:
            raise OSError(cls.reason, "no")
        return super().__new__(cls)


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_no_ipv6(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(Without, "reason", code)
    monkeypatch.setattr(socket, "socket", Without)
    assert answer({})["ipv6_usable"] == []


def test_what_could_not_be_tried_is_not_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    monkeypatch.setattr(Without, "reason", errno.EMFILE)
    monkeypatch.setattr(socket, "socket", Without)
    with pytest.raises(OSError, match="no"):
        answer({})


def test_rules_in_force() -> None:
    said = (
        "table inet labgen {\n\tchain input {\n\t}\n}\n"
        "table inet other {\n}\n"
        "table inet labgen_cuts {\n\tchain cut {\n\t}\n}\nend\n"
    )
    assert rules_of(said) == {
        "fault": "",
        "labgen": "table inet labgen {\n\tchain input {\n\t}\n}\n",
        "labgen_cuts": "table inet labgen_cuts {\n\tchain cut {\n\t}\n}\n",
    }
    assert rules_of("end\n") == {"fault": "", "labgen": None, "labgen_cuts": None}


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Operation not permitted\nnetlink: no\nnft: 1\nend\n", "Operation not permitted netlink: no"),
        ("nft: 127\nend\n", "nft failed without a word"),
        ("table inet labgen {\n", "table inet labgen {"),
        ("", "nft failed without a word"),
        (None, "nobody read them: the probe began without root"),
    ],
)
def test_rules_that_cannot_be_read_are_not_absent(said: str | None, fault: str) -> None:
    assert rules_of(said) == {"fault": fault, "labgen": None, "labgen_cuts": None}


def test_rules_are_read_once_and_told_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "_rules", [])
    here, there = os.pipe()
    os.write(there, b"table inet labgen {\n}\nend\n")
    os.close(there)
    monkeypatch.setenv("LABGEN_RULES", str(here))
    assert (
        answer({})["rules"]
        == answer({})["rules"]
        == {
            "fault": "",
            "labgen": "table inet labgen {\n}\n",
            "labgen_cuts": None,
        }
    )
