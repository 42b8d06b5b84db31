"""What a request leaves to be sent is sent at once: the sender is woken, and not found at its next look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api.seed import Seed
from labgen_stub.webapps.api.work.outbox import Sender

from .api_client import ADMIN, NEIGHBOURS
from .console_fakes import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

    from .memory_database import MemoryDatabase

pytestmark = pytest.mark.anyio
JSON = {**ADMIN, "Content-Type": "application/json"}
VDC = "/api/cloud/virtualdatacenters/1"
MACHINE = f"{VDC}/virtualappliances/1/virtualmachines/1"


class Woken:
    """Remembers for each waking what the outbox had by then, as events' actions."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self.seen: list[str] = []
        self.again = asyncio.Event()

    def wake(self) -> None:
        rows = self._database.sql(
            "SELECT event.action FROM outbox JOIN event ON event.id = json_extract(body, '$.id') "
            "ORDER BY outbox.id"
        )
        self.seen.append(rows[-1]["action"] if rows else "")
        self.again.set()


@pytest.fixture
def woken(database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch) -> Woken:
    found = Woken(database)
    monkeypatch.setattr(Sender, "wake", lambda _: found.wake())
    return found


@pytest.fixture
async def client(
    database: MemoryDatabase,
    woken: Woken,
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    """Build an API, with a machine that runs, whose events are on their way as in a server."""
    del woken
    monkeypatch.setattr("labgen_stub.webapps.api.Store", lambda _: Memory())
    await Seed(database, lambda: NEIGHBOURS, lambda: True).write()
    database.sql("INSERT INTO virtualdatacenter (enterprise_id, datacenter_id, name) VALUES (1, 1, 'v')")
    database.sql("INSERT INTO virtualappliance (virtualdatacenter_id, name) VALUES (1, 'a')")
    database.sql(
        "INSERT INTO virtualmachine (virtualappliance_id, uuid, name, label, cpu, ram, state, display_host, "
        "display_port) VALUES (1, 'u', 'ABQ_u', 'web', 1, 16, 'ON', 'dc1-hypervisor-1', 5901)"
    )
    application, [part] = compose(Node(settings("api")))
    events = asyncio.ensure_future(part.tasks[0]())
    async with client_of(application) as found:
        yield found
    events.cancel()
    await asyncio.wait([events])


async def test_making_changing_and_removing_wakes_the_sender(client: httpx.AsyncClient, woken: Woken) -> None:
    made = await client.post("/api/admin/datacenters/1/racks", headers=JSON, json={"name": "second"})
    assert (made.status_code, woken.seen) == (201, ["CREATE"])
    place = made.headers["location"]
    assert (await client.put(place, headers=JSON, json={"name": "third"})).status_code == 200
    assert (await client.delete(place, headers=ADMIN)).status_code == 204
    assert woken.seen == ["CREATE", "MODIFY", "DELETE"]


async def test_a_console_wakes_the_sender(client: httpx.AsyncClient, woken: Woken) -> None:
    assert (await client.post(f"{MACHINE}/action/remoteaccess", headers=JSON, json={})).status_code == 201
    async with asyncio.timeout(5):
        await woken.again.wait()
    assert woken.seen == ["VIRTUAL_MACHINE_REQUEST_ACCESS"]


async def test_looking_wakes_nobody(client: httpx.AsyncClient, woken: Woken) -> None:
    assert (await client.get("/api/admin/datacenters", headers=ADMIN)).status_code == 200
    assert not woken.seen
