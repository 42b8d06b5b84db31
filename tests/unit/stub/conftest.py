"""What the tests of the stub share: a node without neighbours, and a client that talks to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from labgen_stub.settings import Neighbour, Settings
from labgen_stub.webapps.api import tokens as tokens_module
from labgen_stub.wire.outcome import Outcome, Result

from .api_client import MemoryTokens
from .memory_database import MemoryDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "correct-horse"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> MemoryDatabase:
    """The database of every API that a test builds, with its schema and what a fresh installation has."""
    found = MemoryDatabase()

    class Made:
        def __init__(self, *_: object) -> None:
            self.ready = asyncio.Event()
            self.ready.set()

        async def run(self) -> None:
            """Nothing is missing."""

        async def fault(self) -> str:
            return ""

    monkeypatch.setattr("labgen_stub.webapps.api.Database", lambda _: found)
    monkeypatch.setattr("labgen_stub.webapps.api.Migrations", Made)
    return found


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> MemoryTokens:
    """The tokens of every API that a test builds after this."""
    store = MemoryTokens()
    monkeypatch.setattr(tokens_module, "Tokens", lambda _: store)
    monkeypatch.setattr("labgen_stub.webapps.api.Tokens", lambda _: store)
    return store


@pytest.fixture
def settings() -> Callable[..., Settings]:
    def make(*webapps: str, neighbours: tuple[Neighbour, ...] = ()) -> Settings:
        return Settings(
            lab="small",
            node="node-1",
            role="api",
            site="platform",
            datacenter_id="dc1",
            webapps=webapps,
            neighbours=neighbours,
            secrets={"api_admin_password": PASSWORD},
        )

    return make


@pytest.fixture
def neighbour() -> Callable[..., Neighbour]:
    def make(role: str = "redis", protocol: str = "redis", port: int = 6379) -> Neighbour:
        return Neighbour("13", role, f"{role}-1", protocol, port)

    return make


@pytest.fixture
def good() -> Result:
    return Result(Outcome.SPOKEN, "PING answered by PONG", 1.0)


@pytest.fixture
def bad() -> Result:
    return Result(Outcome.REFUSED, "connection refused", 1.0)


@pytest.fixture
def client_of() -> Callable[..., httpx.AsyncClient]:
    def make(application: object, host: str = "front.example") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")

    return make
