"""`action/check` of a remote service, against services that are well, ill, silent, slow, or not there."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.settings import Neighbour

from .api_client import ADMIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx
    from labgen_stub.settings import Settings

    from .memory_database import MemoryDatabase

    Ask = Callable[..., Awaitable[httpx.Response]]

pytestmark = pytest.mark.anyio
HERE, PATIENCE = "127.0.0.1", 0.3
CHECK = "/api/admin/datacenters/1/remoteservices/1/action/check"
WELL = (200, "dc1")
SILENT = f"{HERE}: no answer within {PATIENCE:g} s"


class Service:
    """A remote service at a port of its own.

    `says` is status and body; None: it takes the question and never answers; `drips`: byte by byte, for ever.
    """

    def __init__(self, says: tuple[int, str] | None = WELL, *, drips: bool = False) -> None:
        self.says, self.drips, self.port = says, drips, 0
        self.asked: list[str] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Service]:
        over, serving = asyncio.Event(), list[asyncio.Task[object]]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (task := asyncio.current_task()) is not None:
                serving.append(task)
            self.asked.append((await reader.read(65536)).decode().partition("\r\n")[0])
            if self.says is not None:
                status, text = self.says
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            elif self.drips:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                while not over.is_set() and not writer.is_closing():
                    writer.write(b".")
                    await asyncio.sleep(PATIENCE / 10)  # a slow service is what this is about
            else:
                await over.wait()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        server = await asyncio.start_server(serve, HERE, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            over.set()
            await asyncio.gather(*serving)


@pytest.fixture
def ask(
    database: MemoryDatabase,
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> Ask:
    """Return a function that has a service checked, registered as `uri`, by a node with these neighbours."""
    monkeypatch.setattr("labgen_stub.webapps.api.resources.check._PATIENCE", PATIENCE)
    database.sql("INSERT INTO datacenter (uuid, name, kind) VALUES ('dc1', 'dc1', 'DATACENTER')")

    async def check(uri: str, *neighbours: Neighbour) -> httpx.Response:
        database.sql("DELETE FROM remote_service")
        database.sql(
            "INSERT INTO remote_service (id, datacenter_id, type, uri, status) VALUES (1, 1, 'NARS', ?, ?)",
            uri,
            7,
        )
        application, _ = compose(Node(settings("api", neighbours=neighbours)))
        async with client_of(application) as client, asyncio.timeout(10):
            return await client.get(CHECK, headers=ADMIN)

    return check


def at(port: int, role: str = "rs", protocol: str = "http", site: str = "dc1") -> Neighbour:
    return Neighbour("16", role, HERE, protocol, port, site=site)


def said(answer: httpx.Response) -> str:
    [error] = answer.json()["collection"]
    assert error["code"] == "RS-CHECK"
    return str(error["message"])


def status(database: MemoryDatabase) -> int:
    return int(database.sql("SELECT status FROM remote_service")[0]["status"])


async def test_one_that_is_well(ask: Ask, database: MemoryDatabase) -> None:
    async with Service().listening() as service:
        answer = await ask(f"http://{HERE}:{service.port}/nars", at(service.port))
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.asked == ["GET /nars/check HTTP/1.1"]
    assert status(database) == 1


async def test_one_that_is_ill_is_told_with_its_words(ask: Ask, database: MemoryDatabase) -> None:
    async with Service((503, "dc1-redis-1: refused\nrabbitmq-1: refused\n")).listening() as service:
        answer = await ask(f"http://{HERE}:{service.port}/nars", at(service.port))
    assert answer.status_code == 409
    assert said(answer) == f"NARS: {HERE} answers 503: dc1-redis-1: refused rabbitmq-1: refused"
    assert status(database) == 0


@pytest.mark.parametrize("drips", [False, True])
async def test_one_that_does_not_answer_is_waited_for_no_longer_than_the_bound(
    ask: Ask, database: MemoryDatabase, drips: bool
) -> None:
    async with Service(None, drips=drips).listening() as service:
        began = time.monotonic()
        answer = await ask(f"http://{HERE}:{service.port}/nars", at(service.port))
        took = time.monotonic() - began
    assert answer.status_code == 409
    assert said(answer) == f"NARS: {SILENT}"
    assert PATIENCE <= took < PATIENCE + 3
    assert status(database) == 0


async def test_one_that_is_not_there(ask: Ask) -> None:
    async with Service().listening() as service:
        gone = service.port
    answer = await ask(f"http://{HERE}:{gone}/nars", at(gone))
    assert answer.status_code == 409
    assert said(answer).startswith(f"NARS: {HERE}: ")
    assert "Connect call failed" in said(answer)


async def test_guacd_that_takes_and_never_answers_is_bounded(ask: Ask) -> None:
    async with Service(None).listening() as service:
        began = time.monotonic()
        answer = await ask(f"guacd://{HERE}:{service.port}", at(service.port, "guacamole", "guacd"))
        took = time.monotonic() - began
    assert said(answer) == f"NARS: {HERE}: garbled: connected, but: no answer within {PATIENCE:g} s"
    assert took < PATIENCE + 3


DHCP = "omapi://dc1-dhcp-1:7911"


@pytest.mark.parametrize(
    ("says", "code", "message"),
    [
        ((WELL, WELL), 204, ""),
        (((503, "dc1-redis-1 (rs-redis): refused"), WELL), 204, ""),
        (
            ((503, "dc1-dhcp-1 (dhcp, omapi 7911): refused"), WELL),
            409,
            f"NARS: {HERE} answers 503: dc1-dhcp-1 (dhcp, omapi 7911): refused",
        ),
        ((None, WELL), 204, ""),
        (
            (None, None),
            409,
            f"NARS: nobody who knows of dc1-dhcp-1 can be asked: {SILENT}; {SILENT}",
        ),
    ],
    ids=["well", "ill of something else", "ill of it", "one silent", "all silent"],
)
async def test_what_cannot_be_reached_is_judged_by_those_who_can(
    ask: Ask,
    says: tuple[tuple[int, str] | None, ...],
    code: int,
    message: str,
) -> None:
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(Service(one).listening()) for one in says]
        began = time.monotonic()
        answer = await ask(DHCP, *(at(one.port) for one in services))
        took = time.monotonic() - began
    assert answer.status_code == code
    assert (said(answer) if message else "") == message
    assert took < PATIENCE + 3, "several take no longer than one"


async def test_what_no_document_leads_to_is_told(ask: Ask) -> None:
    answer = await ask(DHCP)
    assert said(answer) == "NARS: no document lets node-1 reach dc1-dhcp-1:7911"
