"""The API's own description: every path of it is there, and every resource is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api.resources.openapi import document
from starlette.routing import Match, Route

from .api_client import ADMIN, MemoryTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio


async def test_every_path_leads_to_a_route(settings: Callable[..., Settings]) -> None:
    application, _ = compose(Node(settings("api")))
    routes = [one for one in application.routes if isinstance(one, Route) and "{path:path}" not in one.path]
    for path, operations in document("/api")["paths"].items():
        where = "/api" + path
        for one in operations.get("parameters", ()):
            where = where.replace("{" + one["name"] + "}", "1")
        for method in set(operations) - {"parameters"}:
            scope = {"type": "http", "path": where, "method": method.upper(), "headers": []}
            assert any(one.matches(scope)[0] is Match.FULL for one in routes), f"{method} {where}"


def test_names_of_operations_are_given_once() -> None:
    names = [
        operation["operationId"]
        for operations in document("/api")["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))


async def test_it_is_for_users(
    tokens: MemoryTokens,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> None:
    del tokens
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        assert (await client.get("/api/openapi.json")).status_code == 401
        answer = await client.get("/api/openapi.json", headers=ADMIN)
        assert answer.json() == json.loads(json.dumps(document("/api")))
        xml = {**ADMIN, "Accept": "application/xml"}
        assert (await client.get("/api/openapi.json", headers=xml)).status_code == 406
