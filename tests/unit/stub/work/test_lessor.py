"""Leases by the API itself: before a machine is asked for, and after it is gone."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.messages import Work, now
from labgen_stub.node import Node
from labgen_stub.settings import Neighbour, Settings
from labgen_stub.webapps.api.seed import sites
from labgen_stub.webapps.api.work import answers, desk, starting
from labgen_stub.webapps.api.work.leader import Leader
from labgen_stub.webapps.api.work.lessor import Lessor
from labgen_stub.webapps.api.work.watchdog import PATIENCE_MS, Watchdog
from labgen_stub.wire import Garbled, Misuse

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from labgen_stub.messages import Answer

pytestmark = pytest.mark.anyio
DHCP = Neighbour("30-api", "dhcp", "dc1-dhcp-1", "omapi", 7911, site="dc1")
RS = Neighbour("16", "rs", "dc1-rs-1", "http", 8009, site="dc1")
NAME = "ABQ_00000000-0000-0000-0000-000000000001"


class Dhcp:
    """Leases by name; `fault` is what it fails with."""

    place = DHCP

    def __init__(self) -> None:
        self.leases: dict[str, tuple[str, str]] = {}
        self.fault: Exception | None = None

    async def add(self, name: str, mac: str, address: str) -> None:
        if self.fault:
            raise self.fault
        self.leases[name] = (mac, address)

    async def remove(self, name: str) -> None:
        if self.fault:
            raise self.fault
        self.leases.pop(name, None)


@pytest.fixture
def dhcp() -> Dhcp:
    return Dhcp()


def lessor(kinton: Kinton, dhcp: Dhcp, patience: float = 60.0) -> Lessor:
    return Lessor("api-1", {"dc1": dhcp}, kinton, lambda: None, patience)


async def deploy(kinton: Kinton, number: int) -> str:
    return await kinton.transact(lambda session: starting.deploy(session, number, ADMIN, {"dc1"}))


async def undeploy(kinton: Kinton, number: int) -> str:
    return await kinton.transact(lambda session: starting.undeploy(session, number, ADMIN, {"dc1"}))


async def take(kinton: Kinton, answer: Answer) -> None:
    await kinton.transact(lambda session: answers.take(session, answer))


async def test_a_machine_has_its_lease_before_it_is_asked_for_and_until_it_is_gone(
    kinton: Kinton, dhcp: Dhcp
) -> None:
    kinton.host()
    number = kinton.vm()
    await deploy(kinton, number)
    assert kinton.requests() == [], "held back"
    # Another leader takes over: it finds what there is to do.
    await lessor(kinton, dhcp).look()
    assert dhcp.leases == {NAME: ("52:54:00:00:00:01", "198.18.4.2")}
    assert [request.work for _, request in kinton.requests()] == [Work.DEPLOY]
    await lessor(kinton, dhcp).look()
    assert len(kinton.requests()) == 1, "once"
    await take(kinton, answer_to(kinton.last(), host="kvm-1"))
    assert kinton.row(number)["state"] == "ON"
    task = await undeploy(kinton, number)
    assert kinton.last().work == Work.UNDEPLOY, "the machine goes first"
    gone = answer_to(kinton.last(), at=2000)
    for _ in range(2):
        await take(kinton, gone)
        assert dhcp.leases
        assert (kinton.row(number)["state"], kinton.task(task)["state"]) == ("LOCKED", "STARTED")
    await lessor(kinton, dhcp).look()
    assert not dhcp.leases
    assert (kinton.row(number)["state"], kinton.row(number)["address"]) == ("NOT_ALLOCATED", "")
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    [row] = kinton.sql("SELECT started, stopped FROM kinton_accounting.accounting_event_vm")
    assert row["stopped"] == 2000, "as the virtual factory said"


async def test_a_conversion_comes_before_the_lease(kinton: Kinton, dhcp: Dhcp) -> None:
    kinton.host()
    await deploy(kinton, kinton.vm(template=2))
    leasing = lessor(kinton, dhcp)
    await leasing.look()
    assert not dhcp.leases
    convert = kinton.last()
    await take(kinton, answer_to(convert, disk={**convert.options["target"], "size": 5}))
    assert kinton.last() == convert, "held back"
    await leasing.look()
    assert list(dhcp.leases) == [NAME]
    assert kinton.last().work == Work.DEPLOY


@pytest.mark.parametrize(
    ("fault", "patience", "error"),
    [
        (ConnectionRefusedError("refused"), 0.0, "dc1-dhcp-1: refused"),
        (TimeoutError(), 0.0, "dc1-dhcp-1: no answer in time"),
        (Garbled("bad key"), 0.0, "dc1-dhcp-1: bad key"),
        (Misuse("secret omapi_key is missing"), 60.0, "dc1-dhcp-1: secret omapi_key is missing"),
    ],
)
async def test_a_service_that_fails_ends_the_deploy_and_nothing_is_left(
    kinton: Kinton, dhcp: Dhcp, fault: Exception, patience: float, error: str
) -> None:
    kinton.host()
    number = kinton.vm()
    task = await deploy(kinton, number)
    dhcp.fault = fault
    await lessor(kinton, dhcp, patience).look()
    undo = kinton.last()
    assert undo.work == Work.UNDEPLOY
    dhcp.fault = None
    await take(kinton, answer_to(undo))
    assert kinton.row(number)["state"] == "LOCKED"
    await lessor(kinton, dhcp).look()
    assert (kinton.row(number)["state"], kinton.row(number)["mac"]) == ("NOT_ALLOCATED", "")
    ended = kinton.task(task)
    assert (ended["state"], ended["error"], ended["fault"]) == (
        "FINISHED_UNSUCCESSFULLY",
        error,
        "dc1-dhcp-1",
    )


async def test_a_service_that_comes_back_in_time_is_waited_for(kinton: Kinton, dhcp: Dhcp) -> None:
    kinton.host()
    task, leasing = await deploy(kinton, kinton.vm()), lessor(kinton, dhcp)
    dhcp.fault = ConnectionRefusedError("refused")
    await leasing.look()
    watchdog = Watchdog(kinton, lambda: None, asyncio.Event())
    await watchdog.look(now() + PATIENCE_MS + 1000)
    assert kinton.requests() == [], "nobody sends what is held back"
    dhcp.fault = None
    await leasing.look()
    assert kinton.last().work == Work.DEPLOY
    assert kinton.task(task)["state"] == "STARTED"


async def test_a_datacenter_without_a_way_to_dhcp_is_told(kinton: Kinton) -> None:
    kinton.host()
    task = await deploy(kinton, kinton.vm())
    await Lessor("api-1", {}, kinton, lambda: None).look()
    await take(kinton, answer_to(kinton.last()))
    assert kinton.task(task)["error"] == "api-1 has no way to the DHCP service of dc1"


def test_the_service_is_registered_where_the_api_writes_leases() -> None:
    [site] = sites((RS, DHCP))
    assert dict(site.services)["DHCP_SERVICE"] == "omapi://dc1-dhcp-1:7911"
    [site] = sites((RS,))
    assert "DHCP_SERVICE" not in dict(site.services)


@pytest.mark.parametrize(("neighbours", "sent", "duties"), [((), 1, 3), ((DHCP,), 0, 4)])
async def test_what_a_node_does_follows_from_its_neighbours(  # noqa: PLR0917 - the columns of a table
    neighbours: tuple[Neighbour, ...],
    sent: int,
    duties: int,
    kinton: Kinton,
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> None:
    monkeypatch.setattr("labgen_stub.webapps.api.Database", lambda _: kinton)
    led: list[int] = []

    class Counted(Leader):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            led.append(len(self._duties))

    monkeypatch.setattr(desk, "Leader", Counted)
    kinton.host()
    kinton.vm()
    application, _ = compose(Node(settings("api", neighbours=neighbours)))
    admin = {"Authorization": "Basic " + base64.b64encode(b"admin:correct-horse").decode()}
    async with client_of(application) as client:
        path = "/api/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/1/action/deploy"
        assert (await client.post(path, headers=admin)).status_code == 202
    assert (len(kinton.requests()), led) == (sent, [duties])
