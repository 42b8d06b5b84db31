"""A template is deleted by its datacenter's AM, with the right of who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from labgen_stub.messages import Disk, TemplateEvent
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.work import arrivals, removal
from labgen_stub.webapps.api.work.removal import Removal

from tests.unit.stub.work.kinton import ADMIN, Kinton

pytestmark = pytest.mark.anyio


class Manager:
    """An AM that says what the test wants."""

    def __init__(self) -> None:
        self.status, self.asked, self.body = 204, list[str](), b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def manager(kinton: Kinton) -> AsyncIterator[Manager]:
    found = Manager()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for site, service, path in ((1, "APPLIANCE_MANAGER", "am"), (2, "VIRTUAL_FACTORY", "virtualfactory")):
        kinton.sql(
            "INSERT INTO remote_service (datacenter_id, type, uri) VALUES (?, ?, ?)",
            site,
            service,
            f"http://127.0.0.1:{port}/{path}",
        )
    async with server:
        yield found


async def begin(kinton: Kinton, template: int = 1) -> tuple[str, dict[str, Any], str]:
    return await kinton.transact(lambda session: removal.begin(session, template, ADMIN))


async def ask(kinton: Kinton, task: str, row: dict[str, Any], uri: str) -> None:
    asking = Removal(kinton, lambda: None)
    asking.ask(task, row, uri, "Token x")
    await asyncio.gather(*asking._running)


async def test_the_manager_is_asked_and_its_word_ends_the_task(kinton: Kinton, manager: Manager) -> None:
    task, row, uri = await begin(kinton)
    await ask(kinton, task, row, uri)
    [asked] = manager.asked
    assert asked.startswith("DELETE /am/erepos/1/templates/ready/ready.qcow2 HTTP/1.1\r\n")
    assert "Authorization: Token x" in asked
    assert kinton.task(task)["state"] == "STARTED"
    with pytest.raises(ApiError, match="being made") as refusal:
        await begin(kinton)
    assert refusal.value.status_code == 409
    gone = TemplateEvent("dc1", 1, "DELETED", "ready", Disk("1/ready/ready.qcow2", "QCOW2_SPARSE"))
    assert await kinton.transact(lambda session: arrivals.take(session, gone)) == {task}
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    assert not kinton.sql("SELECT id FROM template WHERE id = 1")


async def test_one_that_is_not_there_is_gone(kinton: Kinton, manager: Manager) -> None:
    manager.status = 404
    task, row, uri = await begin(kinton)
    await ask(kinton, task, row, uri)
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    assert not kinton.sql("SELECT id FROM template WHERE id = 1")


async def test_a_refusal_leaves_the_template(kinton: Kinton, manager: Manager) -> None:
    manager.status = 403
    task, row, uri = await begin(kinton)
    await ask(kinton, task, row, uri)
    ended = kinton.task(task)
    assert (ended["state"], ended["fault"]) == ("FINISHED_UNSUCCESSFULLY", "127.0.0.1")
    assert "403" in ended["error"]
    assert kinton.sql("SELECT state FROM template WHERE id = 1") == [{"state": "DONE"}]


async def test_an_image_made_of_a_machine_is_deregistered_at_the_provider(
    kinton: Kinton, manager: Manager
) -> None:
    kinton.sql("UPDATE template SET origin = 'INSTANCE' WHERE id = 3")
    task, row, uri = await begin(kinton, 3)
    await ask(kinton, task, row, uri)
    assert manager.asked[0].startswith("DELETE /cpp/images/ami-1 HTTP/1.1\r\n")
    assert kinton.task(task)["state"] == "STARTED", "CPP tells when it is gone"
    gone = TemplateEvent("pcr1", 1, "DELETED", "image", Disk("ami-1", "AMI"))
    await kinton.transact(lambda session: arrivals.take(session, gone))
    assert kinton.task(task)["state"] == "FINISHED_SUCCESSFULLY"
    assert not kinton.sql("SELECT id FROM template WHERE id = 3")


async def test_a_provider_that_refuses_keeps_its_image(kinton: Kinton, manager: Manager) -> None:
    kinton.sql("UPDATE template SET origin = 'INSTANCE' WHERE id = 3")
    manager.status, manager.body = 503, b'{"message": "AuthFailure: not yours"}'
    task, row, uri = await begin(kinton, 3)
    await ask(kinton, task, row, uri)
    ended = kinton.task(task)
    assert ended["state"] == "FINISHED_UNSUCCESSFULLY"
    assert ended["error"] == "The public cloud's manager says: AuthFailure: not yours"
    assert kinton.sql("SELECT state FROM template WHERE id = 3") == [{"state": "DONE"}]


async def test_of_the_providers_own_images_only_the_row_goes(kinton: Kinton, manager: Manager) -> None:
    kinton.sql("UPDATE template SET origin = 'PROVIDER' WHERE id = 3")
    task, _, uri = await begin(kinton, 3)
    assert not manager.asked
    assert (task, uri) == ("", "")
    assert not kinton.sql("SELECT id FROM template WHERE id = 3")
    assert kinton.actions() == ["DELETE"]
