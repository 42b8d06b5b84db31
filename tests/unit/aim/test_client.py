"""What the stub asks of a hypervisor, over the shared description: each call there and back."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest
from labgen_aim.calls import CALLS
from labgen_aim.client import Client, Misspoken
from labgen_aim.structures import Datastore, DomainInfo, HostError, LibvirtFailed, NodeInfo
from labgen_stub.wire.aim_client import Domain, Host, HostRefused, display_port
from labgen_stub.wire.target import Target

pytestmark = pytest.mark.anyio

_XML = "<domain><devices><graphics type='vnc' port='{port}'/></devices></domain>"
_UUID = "00000000-0000-4000-8000-00000000000a"


class Handler:
    """Writes down what it is asked, and answers with values that show a lost or swapped field."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in CALLS:
            raise AttributeError(name)

        def method(*arguments: str) -> object:
            self.asked.append((name, *arguments))
            return self.answer(name, *arguments)

        return method

    def answer(self, name: str, *arguments: str) -> object:
        match name:
            case "getDatastores":
                return [Datastore("labgen", "/var/lib/virt", "dir", 3 << 40, 2 << 40)]
            case "getDomains":
                return [
                    DomainInfo("wéb", _UUID, 1, 2, 16384.0, _XML.format(port=5901)),
                    DomainInfo("db", "u2", 2, 1, 1.5, _XML.format(port=-1)),
                    DomainInfo("p", "u3", 3, 1, 1.0, _XML.format(port=5902)),
                    DomainInfo("odd", "u4", 4, 1, 1.0, "no XML"),
                ]
            case "getNodeInfo":
                return NodeInfo("kvm", 10_000_000, 4, 1, 2.0**40)
            case "getDomainInfo" if arguments == ("gone",):
                raise LibvirtFailed(42, 10, "Domain not found", 2)
            case "getDomainInfo" if arguments == ("broken",):
                raise LibvirtFailed(1, 10, "internal error", 2)
            case "getDomainInfo":
                return DomainInfo(arguments[0], _UUID, 1, 2, 16384.0, _XML.format(port=5901))
            case "copyFromRepositoryToDatastore" if ".." in arguments[0]:
                raise HostError("a path outside the share")
            case "reset":
                raise ZeroDivisionError
        return None


def host_at(port: int, patience: float = 5.0) -> Host:
    return Host(Target("aim", "127.0.0.1", port), patience)


async def test_disks(serve: Callable[[object], int]) -> None:
    handler = Handler()
    host = host_at(serve(handler))
    assert await host.copy_from_repository("1/web.vmdk", _UUID) == f"/var/lib/virt/{_UUID}"
    await host.copy_to_repository(_UUID, "1/snapshots/web 2.raw")
    await host.copy_to_repository(_UUID, "at-the-root.raw")
    await host.delete_disk(_UUID)
    assert handler.asked == [
        ("getDatastores",),
        ("copyFromRepositoryToDatastore", "1/web.vmdk", "/var/lib/virt", _UUID),
        ("copyFromDatastoreToRepository", _UUID, "web 2.raw", "1/snapshots", "/var/lib/virt"),
        ("copyFromDatastoreToRepository", _UUID, "at-the-root.raw", "", "/var/lib/virt"),
        ("deleteVirtualImageFromDatastore", "/var/lib/virt", _UUID),
    ]
    with pytest.raises(HostRefused, match=r"^127\.0\.0\.1: a path outside the share$"):
        await host.copy_from_repository("../etc/passwd", _UUID)


async def test_machines(serve: Callable[[object], int]) -> None:
    host = host_at(serve(Handler()))
    assert await host.domains() == [
        Domain("wéb", _UUID, "ON", _XML.format(port=5901), 5901),
        Domain("db", "u2", "OFF", _XML.format(port=-1), 0),
        Domain("p", "u3", "PAUSED", _XML.format(port=5902), 5902),
        Domain("odd", "u4", "UNKNOWN", "no XML", 0),
    ]
    found = await host.domain("web")
    assert found
    assert (found.name, found.state, found.display_port) == ("web", "ON", 5901)
    assert await host.domain("gone") is None
    with pytest.raises(HostRefused, match=r"^127\.0\.0\.1: internal error$"):
        await host.domain("broken")


async def test_power_and_definition(serve: Callable[[object], int]) -> None:
    handler = Handler()
    host = host_at(serve(handler))
    await host.define("<domain/>")
    for action in (host.power_on, host.power_off, host.pause, host.resume, host.undefine):
        await action("web")
    assert handler.asked == [
        ("defineDomain", "<domain/>"),
        ("powerOn", "web"),
        ("powerOff", "web"),
        ("pause", "web"),
        ("resume", "web"),
        ("undefineDomain", "web"),
    ]
    with pytest.raises(HostRefused, match=r"reset: ZeroDivisionError"):
        await host.reset("web")


async def test_the_host_itself(serve: Callable[[object], int]) -> None:
    host = host_at(serve(Handler()))
    assert await host.node_info() == NodeInfo("kvm", 10_000_000, 4, 1, 2.0**40)
    assert await host.datastores() == [Datastore("labgen", "/var/lib/virt", "dir", 3 << 40, 2 << 40)]


async def test_twenty_at_once_and_a_slow_one(serve: Callable[[object], int]) -> None:
    go_on = threading.Event()

    class Slow(Handler):
        def answer(self, name: str, *arguments: str) -> object:
            if name == "copyFromRepositoryToDatastore":
                assert go_on.wait(10)
            return super().answer(name, *arguments)

    host = host_at(serve(Slow()))
    copy = asyncio.create_task(host.copy_from_repository("t", _UUID))
    found = await asyncio.gather(*(host.domain(f"m{i}") for i in range(20)))
    assert [one.name for one in found if one] == [f"m{i}" for i in range(20)]
    assert not copy.done(), "the slow call blocked the others"
    go_on.set()
    await copy


async def test_nobody_there() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await host_at(reserved.getsockname()[1]).domains()


async def test_a_silent_host_is_given_up_on() -> None:
    too_long = r"^127\.0\.0\.1: getDomains took more than 0\.2 s$"
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError, match=too_long):
        await host_at(silent.getsockname()[1], 0.2).domains()


async def test_a_host_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        pending = asyncio.create_task(host_at(server.getsockname()[1]).domains())
        accepted, _ = await asyncio.to_thread(server.accept)
        accepted.recv(1024)
        accepted.close()
        with pytest.raises(ConnectionResetError, match="TSocket read 0 bytes"):
            await pending


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (
            b"\x80\x01\x00\x02\x00\x00\x00\x07powerOn\x00\x00\x00\x01\x00",
            "the answer is number 1 of 'powerOn'",
        ),
        (
            b"\x80\x01\x00\x02\x00\x00\x00\x0agetDomains\x00\x00\x00\x01\x00",
            "neither a result nor an exception",
        ),
        (b"\x80\x02\x00\x02\x00\x00\x00\x0agetDomains\x00\x00\x00\x01\x00", "Bad version"),
        (b"\x80\x01\x00\x02\x7f\xff\xff\xff", "Length exceeded"),
    ],
)
async def test_an_answer_that_is_none(answer: bytes, complaint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        pending = asyncio.create_task(host_at(server.getsockname()[1]).domains())
        accepted, _ = await asyncio.to_thread(server.accept)
        with accepted:
            accepted.recv(1024)
            accepted.sendall(answer)
            with pytest.raises(HostRefused, match=complaint):
                await pending


def test_a_call_that_the_agent_does_not_know(
    serve: Callable[[object], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The table is one for both sides, so the server's is shortened once the client has looked it up.
    port = serve(Handler())
    name, calls = "getDomains", dict(CALLS)
    monkeypatch.delitem(CALLS, name)
    monkeypatch.setattr("labgen_aim.client.CALLS", calls)
    with Client("127.0.0.1", port, 5.0) as client:
        with pytest.raises(Misspoken, match=r"^getDomains: Unknown function getDomains$"):
            client.call(name)
        assert client.call("getNodeInfo").name == "kvm", "the connection goes on"


def test_the_display_of_a_description() -> None:
    assert display_port(_XML.format(port=5999)) == 5999
    assert display_port(_XML.format(port=-1)) == 0, "off: not assigned yet"
    assert display_port("<domain><devices/></domain>") == 0
    assert display_port("<domain><devices><graphics type='spice' port='5900'/></devices></domain>") == 0
    assert display_port("not XML") == 0
