"""Which subnets and ports are free: routes of the host, networks of the engine, and listeners."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from labgen.engine import free
from labgen.engine.free import choose_port, choose_supernet, is_port_free, taken_networks
from labgen.errors import InvalidInput, LabgenError
from tests.unit.engine.world import World, network

read_routes = free._host_routes
LOCAL = IPv4Address("127.0.0.1")
FIRST = IPv4Network("10.210.0.0/16")
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0080D20A\t00000000\t0001\t0\t0\t0\t00C0FFFF\t0\t0\t0
tun0\t0500000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
"""


@pytest.fixture(autouse=True)
def no_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on the machine that the tests run on."""
    monkeypatch.setattr(free, "_host_routes", dict)


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_the_kernels_route_table(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    assert read_routes(tmp_path / "route") == {
        IPv4Network("192.168.1.0/24"): "the route through eth0",
        IPv4Network("10.210.128.0/18"): "the route through tun0",
        IPv4Network("10.0.0.5/32"): "the route through tun0",
    }


def test_no_route_table(tmp_path: Path) -> None:
    assert read_routes(tmp_path / "none") == {}


def test_networks_of_the_engine_are_taken(world: World) -> None:
    world.networks = [
        network("bridge", "172.17.0.0/16"),
        network("v6", "fd00::/64"),
        network("host"),
        network("odd", "10.9.9.9/24"),
        network("labgen-other-api-mysql", "10.210.0.0/28", "other", "10.210.0.0/16"),
    ]
    world.networks.append({**network("none"), "IPAM": None})
    taken, own = taken_networks(world.engine, "lab")
    assert own is None
    assert taken == {
        IPv4Network("172.17.0.0/16"): "Docker network 'bridge'",
        IPv4Network("10.9.9.0/24"): "Docker network 'odd'",
        IPv4Network("10.210.0.0/28"): "Docker network 'labgen-other-api-mysql'",
    }


def test_a_labs_own_networks_and_routes_are_not_in_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.networks = [network("labgen-lab-api-mysql", "10.211.0.16/28", "lab", "10.211.0.0/16")]
    routes = {IPv4Network("10.211.0.16/28"): "the route through br-1", IPv4Network("10.0.0.0/24"): "eth0"}
    monkeypatch.setattr(free, "_host_routes", lambda: dict(routes))
    taken, own = taken_networks(world.engine, "lab")
    assert own == IPv4Network("10.211.0.0/16")
    assert taken == {IPv4Network("10.0.0.0/24"): "eth0"}


@pytest.mark.parametrize("label", ["", "rubbish"])
def test_a_label_that_cannot_be_read_is_none(world: World, label: str) -> None:
    world.networks = [network("labgen-lab-a-b", "10.211.0.16/28", "lab", label)]
    assert taken_networks(world.engine, "lab") == ({}, None)


def test_first_supernet_that_clashes_with_nothing() -> None:
    assert choose_supernet(None, None, {}) == FIRST
    taken = {
        IPv4Network("10.210.128.0/18"): "a VPN",
        IPv4Network("10.211.0.0/28"): "a lab",
        IPv4Network("192.168.0.0/16"): "the office",
    }
    assert choose_supernet(None, None, taken) == IPv4Network("10.212.0.0/16")


def test_a_lab_keeps_the_supernet_that_it_has() -> None:
    own = IPv4Network("10.217.0.0/16")
    assert choose_supernet(None, own, {FIRST: "another lab"}) == own


def test_a_lab_gives_up_a_supernet_that_somebody_else_is_in_too() -> None:
    """Two labs that came up at the same time: each looked before the other had any network."""
    assert choose_supernet(None, FIRST, {IPv4Network("10.210.4.0/28"): "another lab"}) != FIRST


def test_the_wanted_supernet_goes_before_the_one_it_has() -> None:
    wanted = IPv4Network("172.20.0.0/16")
    assert choose_supernet(wanted, FIRST, {}) == wanted


def test_a_wanted_supernet_that_clashes() -> None:
    with pytest.raises(InvalidInput) as caught:
        choose_supernet(FIRST, None, {IPv4Network("10.0.0.0/8"): "the route through tun0"})
    assert caught.value.message == "supernet 10.210.0.0/16 overlaps 10.0.0.0/8: the route through tun0"
    assert caught.value.hint == (
        "Set another one (--set supernet=10.240.0.0/16), or none: labgen then finds a free one."
    )


def test_no_supernet_is_free() -> None:
    with pytest.raises(LabgenError) as caught:
        choose_supernet(None, None, {IPv4Network("10.0.0.0/8"): "a VPN"})
    assert caught.value.exit_code == 1
    assert caught.value.message == "none of the 40 networks from 10.210.0.0/16 on is free"
    assert caught.value.hint == "Set one that is: --set supernet=172.20.0.0/16"


def test_a_free_port_is_taken_as_it_is(busy: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        was_free = listener.getsockname()[1]
    assert was_free != busy
    assert choose_port(LOCAL, was_free, (), ()) == was_free


def test_a_busy_port_moves_on(busy: int) -> None:
    assert choose_port(LOCAL, busy, (), ()) > busy


def test_a_listener_on_every_address_is_in_the_way_too() -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as listener:  # noqa: S104 - that is the point
        port = listener.getsockname()[1]
        assert choose_port(LOCAL, port, (), ()) != port


def test_a_port_that_the_lab_holds_itself_is_kept(busy: int) -> None:
    assert choose_port(LOCAL, busy, [busy], ()) == busy


def test_a_port_that_another_of_the_lab_takes_is_avoided() -> None:
    assert choose_port(LOCAL, 47000, [47000, 47001], [47000]) == 47001


def all_busy(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every port be busy; return those that are asked for."""
    tried: list[int] = []

    def is_free(_bind: IPv4Address, port: int) -> bool:
        tried.append(port)
        return False

    monkeypatch.setattr(free, "_is_free", is_free)
    return tried


def test_every_port_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = all_busy(monkeypatch)
    with pytest.raises(LabgenError) as caught:
        choose_port(LOCAL, 8080, (), ())
    assert tried == list(range(8080, 8280))
    assert caught.value.message == "no free port on 127.0.0.1 from 8080 on"
    assert caught.value.hint == "Free one, or choose: --set ports.https=9443"


def test_ports_end_at_65535(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = all_busy(monkeypatch)
    with pytest.raises(LabgenError):
        choose_port(LOCAL, 65534, (), ())
    assert tried == [65534, 65535]


class Forbidding(socket.socket):
    """What a user who is not root gets for a port below 1024."""

    def bind(self, _address: object) -> None:
        raise PermissionError(13, "Permission denied")


def test_a_port_that_only_root_may_bind_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine publishes it, not labgen: a user of the engine may well have it."""
    monkeypatch.setattr("labgen.engine.free.socket.socket", Forbidding)
    assert choose_port(LOCAL, 80, (), ()) == 80


def test_an_address_that_is_not_this_machines_is_said() -> None:
    with pytest.raises(InvalidInput) as caught:
        choose_port(IPv4Address("192.0.2.1"), 8080, (), ())
    assert caught.value.exit_code == 2
    assert caught.value.message == "bind: 192.0.2.1 is no address of this machine"
    assert caught.value.hint == "Set one that is, or 127.0.0.1."


def test_a_port_that_was_fixed(busy: int) -> None:
    assert not is_port_free(LOCAL, busy, ())
    assert is_port_free(LOCAL, busy, [busy])
