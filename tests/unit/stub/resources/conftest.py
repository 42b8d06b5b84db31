"""An API with something of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api import passwords
from labgen_stub.webapps.api.seed import Seed

from tests.unit.stub.api_client import NEIGHBOURS, MemoryTokens
from tests.unit.stub.memory_database import MemoryDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings


@pytest.fixture
async def client(
    tokens: MemoryTokens,
    database: MemoryDatabase,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    """Build an API with a datacenter, a region, a hypervisor, templates, and a user of another enterprise."""
    del tokens
    await Seed(database, lambda: NEIGHBOURS, lambda: True).write()
    database.sql("INSERT INTO machine (rack_id, name, ip) VALUES (1, 'host', 'dc1-hypervisor-1')")
    for enterprise in (1, 2):
        if enterprise == 2:
            database.sql("INSERT INTO enterprise (id, name) VALUES (2, 'Analytical')")
        database.sql(
            "INSERT INTO template (id, datacenter_id, enterprise_id, name, path, disk_format, cpu, ram) "
            "VALUES (?, 1, ?, 'tiny', ?, 'QCOW2_SPARSE', 2, 64)",
            enterprise,
            enterprise,
            f"{enterprise}/tiny/a b.qcow2",
        )
    database.sql(
        "INSERT INTO user (id, enterprise_id, role_id, scope_id, nick, name, password) "
        "VALUES (7, 2, 3, 1, 'ada', 'Ada', ?)",
        await passwords.protect("lovelace"),
    )
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        yield client
