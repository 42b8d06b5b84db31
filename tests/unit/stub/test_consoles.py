"""Console tokens, with a Redis in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.links.errors import Unavailable
from labgen_stub.node import Node

from .test_api import ADMIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio
PLACE = {"host": "dc1-hypervisor-1", "port": 5900}


class Memory:
    """What the API needs of Redis."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.lifetimes: dict[str, int] = {}
        self.broken = False

    async def do(self, command: str, *args: str, ex: int = 0) -> str | None:
        if self.broken:
            raise Unavailable("on purpose")
        key, *value = args
        if command == "set":
            self.kept[key], self.lifetimes[key] = value[0], ex
        return self.kept.get(key)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    monkeypatch.setattr("labgen_stub.webapps.api.Store", lambda _: found)
    return found


@pytest.fixture
async def client(
    memory: Memory, settings: Callable[..., Settings], client_of: Callable[..., httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    del memory
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        yield client


async def test_a_token_leads_to_its_console(client: httpx.AsyncClient, memory: Memory) -> None:
    made = await client.post("/api/cloud/consoles", json=PLACE, headers=ADMIN)
    assert made.status_code == 201
    token = made.json()["token"]
    found = await client.get(f"/api/cloud/consoles/{token}")
    assert (found.status_code, found.json()) == (200, PLACE)
    assert all(token not in key for key in memory.kept), "Redis holds the digest only"
    assert set(memory.lifetimes.values()) == {600}


async def test_only_users_get_tokens(client: httpx.AsyncClient, memory: Memory) -> None:
    assert (await client.post("/api/cloud/consoles", json=PLACE)).status_code == 401
    assert not memory.kept


async def test_an_unknown_token(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/cloud/consoles/nobodys")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        {"host": "h", "port": "5900"},
        {"host": "h", "port": True},
        {"host": "h", "port": 5899},
        {"host": "h", "port": 65535},
        {"host": "", "port": 5900},
        {"host": "a b", "port": 5900},
        {"host": "-h", "port": 5900},
        {"port": 5900},
        b'{"host": "' + b"h" * 5000 + b'", "port": 5900}',
    ],
)
async def test_what_no_console_could_have(client: httpx.AsyncClient, memory: Memory, body: Any) -> None:
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await client.post("/api/cloud/consoles", headers=ADMIN, **sent)
    assert answer.status_code == 400
    assert answer.json()["collection"][0]["code"] == "400-CONSOLE"
    assert not memory.kept


async def test_without_redis(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.broken = True
    assert (await client.post("/api/cloud/consoles", json=PLACE, headers=ADMIN)).status_code == 503
    assert (await client.get("/api/cloud/consoles/x")).status_code == 503
