"""A virtual factory on KVM: the steps of a deploy, each of which may be done twice, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from labgen_stub.messages import BadMessage, Disk, Machine, Request, Work
from labgen_stub.settings import Neighbour
from labgen_stub.webapps.remote.backends import Refused
from labgen_stub.webapps.remote.backends.kvm import Kvm, description
from labgen_stub.webapps.remote.journal import Journal
from labgen_stub.webapps.remote.subscriptions import Subscriptions
from labgen_stub.webapps.remote.virtualfactory import VirtualFactory
from labgen_stub.wire.aim_client import HostRefused

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
NFS = Neighbour("25", "nfs", "dc1-nfs-1", "nfs", 2049)
DHCP = Neighbour("30", "dhcp", "dc1-dhcp-1", "omapi", 7911)
REDIS = Neighbour("22", "rs-redis", "dc1-redis-1", "redis", 6379)


class FakeRepository:
    place = NFS

    def __init__(self) -> None:
        self.files = {"1/tiny/tiny.raw": 512, "1/instances/x.raw": 1024}

    async def size(self, path: str) -> int:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file", path)
        return self.files[path]


class FakeLeases:
    place = DHCP

    def __init__(self) -> None:
        self.leases: dict[str, tuple[str, str]] = {}

    async def add(self, name: str, mac: str, address: str) -> None:
        self.leases[name] = (mac, address)

    async def remove(self, name: str) -> None:
        self.leases.pop(name, None)


class Site:
    def __init__(self, host: Any, place: Neighbour, store: Any) -> None:
        self.host, self.store = host, store
        self.subscriptions = Subscriptions(store, REDIS)
        self.repository, self.leases = FakeRepository(), FakeLeases()
        self.backend = Kvm(lambda: {place.node: (place, host)})
        self.factory = VirtualFactory(self.backend, self.subscriptions, self.repository, self.leases)
        self.journal = Journal("job-1")

    async def do(self, request: Request) -> dict[str, Any]:
        self.journal = Journal(request.job)
        return await self.factory.work(request, self.journal)


@pytest.fixture
def site(host: Any, hypervisor: Neighbour, store: Any) -> Site:
    return Site(host, hypervisor, store)


async def test_a_deploy_takes_every_step_and_says_so(
    site: Site, request_of: Callable[..., Request], machine: Machine
) -> None:
    result = await site.do(request_of())
    assert result == {
        "host": "dc1-hypervisor-1",
        "address": "10.1.0.7",
        "provider_id": "",
        "display": {"protocol": "vnc", "host": "dc1-hypervisor-1", "port": 5901},
    }
    assert site.host.calls == ["copy_from_repository", "define", "power_on"]
    assert site.leases.leases == {machine.name: (machine.mac, machine.address)}
    assert [(one.name, one.server, one.connection) for one in site.journal.steps] == [
        ("template found on the share", "dc1-nfs-1", "25"),
        ("lease added", "dc1-dhcp-1", "30"),
        ("template copied to the hypervisor", "dc1-hypervisor-1", "39"),
        ("machine defined", "dc1-hypervisor-1", "39"),
        ("machine started", "dc1-hypervisor-1", "39"),
        ("monitoring subscribed", "dc1-redis-1", "22"),
    ]
    watched = await site.subscriptions.get(machine.uuid)
    assert watched is not None
    assert (watched.host, watched.state) == ("dc1-hypervisor-1", "")


@pytest.mark.parametrize("failing", ["copy_from_repository", "define", "power_on", "domain"])
async def test_a_deploy_goes_on_where_it_broke_off(
    site: Site, request_of: Callable[..., Request], failing: str
) -> None:
    site.host.trouble[failing] = [ConnectionResetError("killed")]
    with pytest.raises(ConnectionResetError):
        await site.do(request_of())
    assert site.journal.at == "dc1-hypervisor-1"
    result = await site.do(request_of())
    assert result["display"]["port"] == 5901
    assert len(site.host.machines) == 1
    assert site.host.calls.count("power_on") <= 2
    before = list(site.host.calls)
    assert await site.do(request_of()) == result, "a third time changes nothing"
    assert site.host.calls == before


async def test_a_template_that_is_not_there_is_named(
    site: Site, request_of: Callable[..., Request], machine: Machine
) -> None:
    gone = replace(request_of(), machine=replace(machine, disk=Disk("1/gone.raw", "RAW")))
    with pytest.raises(FileNotFoundError):
        await site.do(gone)
    assert site.journal.at == "dc1-nfs-1"
    assert site.host.calls == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "dc2-hypervisor-1"}, "There is no hypervisor dc2-hypervisor-1 here"),
        ({"host": ""}, "There is no hypervisor named here"),
        (
            {"disk": Disk("1/tiny/tiny.raw", "VMDK_SPARSE")},
            "dc1-hypervisor-1 reads RAW and QCOW2_SPARSE",
        ),
        ({"disk": None}, "reads RAW and QCOW2_SPARSE only"),
    ],
)
async def test_what_cannot_be_deployed_is_refused(
    site: Site,
    request_of: Callable[..., Request],
    machine: Machine,
    change: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(Refused, match=words):
        await site.do(replace(request_of(), machine=replace(machine, **change)))
    assert site.host.calls == []


async def test_the_hosts_own_words_reach_the_user(site: Site, request_of: Callable[..., Request]) -> None:
    site.host.trouble["define"] = [HostRefused("dc1-hypervisor-1: no memory left")]
    with pytest.raises(Refused, match="dc1-hypervisor-1: no memory left") as caught:
        await site.do(request_of())
    assert caught.value.fault == "dc1-hypervisor-1"


async def test_an_undeploy_leaves_nothing_behind(
    site: Site, request_of: Callable[..., Request], machine: Machine
) -> None:
    await site.do(request_of())
    await site.do(request_of(Work.UNDEPLOY))
    assert site.host.machines == {}
    assert site.host.disks == set()
    assert site.leases.leases == {}
    assert await site.subscriptions.get(machine.uuid) is None
    assert await site.subscriptions.last_seen("dc1-hypervisor-1") == {}
    assert [one.name for one in site.journal.steps] == [
        "monitoring unsubscribed",
        "machine stopped and undefined",
        "disk deleted",
        "lease removed",
    ]
    await site.do(request_of(Work.UNDEPLOY))


async def test_an_undeploy_that_is_refused_keeps_the_machine_watched(
    site: Site, request_of: Callable[..., Request], machine: Machine
) -> None:
    await site.do(request_of())
    site.host.trouble["undefine"] = [HostRefused("busy")]
    with pytest.raises(Refused, match="busy"):
        await site.do(request_of(Work.UNDEPLOY))
    watched = await site.subscriptions.get(machine.uuid)
    assert watched is not None
    assert watched.host == "dc1-hypervisor-1"


@pytest.mark.parametrize(
    ("before", "work", "outcome"),
    [
        ("ON", Work.POWER_OFF, ("OFF", ["power_off"])),
        ("OFF", Work.POWER_OFF, ("OFF", [])),
        ("OFF", Work.POWER_ON, ("ON", ["power_on"])),
        ("ON", Work.POWER_ON, ("ON", [])),
        ("ON", Work.PAUSE, ("PAUSED", ["pause"])),
        ("PAUSED", Work.PAUSE, ("PAUSED", [])),
        ("PAUSED", Work.RESUME, ("ON", ["resume"])),
        ("ON", Work.RESET, ("ON", ["reset"])),
    ],
)
async def test_switching(
    site: Site,
    request_of: Callable[..., Request],
    machine: Machine,
    before: str,
    work: Work,
    outcome: tuple[str, list[str]],
) -> None:
    await site.do(request_of())
    site.host._is(machine.name, before)
    site.host.calls.clear()
    assert await site.do(request_of(work)) == {}
    assert (site.host.machines[machine.name].state, site.host.calls) == outcome


@pytest.mark.parametrize("work", [Work.POWER_ON, Work.POWER_OFF, Work.PAUSE, Work.RECONFIGURE, Work.INSTANCE])
async def test_a_machine_that_is_not_there_cannot_be_switched(
    site: Site, request_of: Callable[..., Request], work: Work
) -> None:
    with pytest.raises(Refused, match="is not on dc1-hypervisor-1"):
        await site.do(request_of(work, target={"path": "1/x.raw", "format": "RAW"}))


@pytest.mark.parametrize("state", ["ON", "OFF"])
async def test_a_machine_is_reconfigured_with_the_disk_it_has(
    site: Site, request_of: Callable[..., Request], machine: Machine, state: str
) -> None:
    await site.do(request_of())
    site.host._is(machine.name, state)
    await site.do(replace(request_of(Work.RECONFIGURE), machine=replace(machine, cpu=2, ram=32, label="new")))
    now = site.host.machines[machine.name]
    assert now.state == state
    tree = ET.fromstring(now.xml)  # noqa: S314 - our own
    assert (tree.findtext("vcpu"), tree.findtext("memory")) == ("2", "32")
    assert tree.findtext("sysinfo/entry") == "new"
    source = tree.find("devices/disk/source")
    assert source is not None
    assert source.get("file") == f"/var/lib/virt/{machine.uuid}"


async def test_an_instance_is_looked_for_on_the_share(site: Site, request_of: Callable[..., Request]) -> None:
    await site.do(request_of())
    target = {"path": "1/instances/x.raw", "format": "RAW"}
    result = await site.do(request_of(Work.INSTANCE, target=target))
    assert result == {"disk": {"path": "1/instances/x.raw", "format": "RAW", "size": 1024}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"machine": None}, "about no machine"),
        ({"work": Work.CONVERT}, "does not do CONVERT"),
        ({"work": Work.INSTANCE}, "no disk"),
    ],
)
async def test_nonsense_is_told_as_such(
    site: Site, request_of: Callable[..., Request], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadMessage, match=words):
        await site.do(replace(request_of(), **change))


def test_a_label_is_text_and_nothing_else(machine: Machine) -> None:
    evil = replace(machine, label="</entry><x/>\x00'\"&\ud800")
    tree = ET.fromstring(description(evil, "/var/lib/virt/a'b", "raw"))  # noqa: S314 - our own
    assert tree.findtext("sysinfo/entry") == "</entry><x/>?'\"&?"
    assert tree.find("x") is None
    graphics = tree.find("devices/graphics")
    assert graphics is not None
    assert graphics.get("autoport") == "yes"


async def test_discovery_describes_every_host(site: Site) -> None:
    [found] = await site.backend.discover()
    assert (found.name, found.kind, found.cpu, found.ram, found.disk) == (
        "dc1-hypervisor-1",
        "KVM",
        2,
        2048,
        3072,
    )
