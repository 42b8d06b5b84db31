"""Whatever a client sends: never a 500, never an answer that the API's own description does not know of.

schemathesis makes the requests from that description: right ones, and wrong ones in every place.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api.resources.openapi import document
from labgen_stub.webapps.api.seed import Seed
from schemathesis.generation import GenerationMode

from .api_client import ADMIN, JSON, NEIGHBOURS, MemoryTokens
from .memory_database import MemoryDatabase
from .resources.walk import machine

if TYPE_CHECKING:
    from labgen_stub.settings import Settings

schema = schemathesis.openapi.from_dict(document("/api"))
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
# Who has the time asks for more.
EXAMPLES = int(os.environ.get("LABGEN_API_EXAMPLES", "2"))


class Running:
    """An API with something in it, and a client; one loop for all requests."""

    def __init__(self, application: Any, database: MemoryDatabase) -> None:
        self._loop = asyncio.new_event_loop()
        self.database = database
        transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://front.example")

    def run(self, work: Any) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await work

        return self._loop.run_until_complete(bounded())

    def ask(self, case: schemathesis.Case[Any]) -> httpx.Response:
        """Send what schemathesis made, as it made it."""
        sent = case.as_transport_kwargs(base_url="http://front.example")
        body = {key: sent[key] for key in ("json", "data") if sent.get(key) is not None}
        content = body.pop("data", None)
        headers = {**ADMIN, **{key: str(value) for key, value in (sent.get("headers") or {}).items()}}
        request = self.client.build_request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            headers={**headers, **ADMIN},
            content=content,
            **body,
        )
        answer: httpx.Response = self.run(self.client.send(request))
        return answer

    def end(self) -> None:
        self._loop.run_until_complete(self.client.aclose())
        self._loop.close()


@pytest.fixture
def running(
    database: MemoryDatabase, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    store = MemoryTokens()
    monkeypatch.setattr("labgen_stub.webapps.api.Tokens", lambda _: store)
    loop = asyncio.new_event_loop()

    async def made() -> Any:
        await Seed(database, lambda: NEIGHBOURS, lambda: True).write()
        return compose(Node(settings("api")))[0]

    application = loop.run_until_complete(made())
    loop.close()
    database.sql("INSERT INTO machine (rack_id, name, ip) VALUES (1, 'host', 'dc1-hypervisor-1')")
    database.sql(
        "INSERT INTO template (id, datacenter_id, enterprise_id, name, path, disk_format) "
        "VALUES (1, 1, 1, 'tiny', '1/tiny/tiny.qcow2', 'QCOW2_SPARSE')"
    )
    found = Running(application, database)
    found.run(machine(found.client, JSON))
    yield found
    found.end()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_breaks_it(running: Running, case: schemathesis.Case[Any]) -> None:
    before = running.database.sql("SELECT COUNT(*) AS n FROM event")
    answer = running.ask(case)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/vnd.abiquo.errors+json")
        assert answer.json()["collection"][0]["message"]
        assert running.database.sql("SELECT COUNT(*) AS n FROM event") == before, "half of it was written"
