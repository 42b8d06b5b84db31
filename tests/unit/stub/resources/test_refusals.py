"""Requests that are not what they should be: each has its answer, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.unit.stub.api_client import ADMIN, ERRORS, JSON
from tests.unit.stub.memory_database import MemoryDatabase
from tests.unit.stub.resources.walk import RACKS, VDCS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"name": NaN}',
        b"[" * 30000,
        b'{"name": ' + b"[" * 30000,
        b'{"name": ' + b"9" * 5000 + b"}",
        b"{}",
        {"name": None},
        {"name": 7},
        {"name": ""},
        {"name": "   "},
        {"name": ["x"]},
        {"name": "x" * 129},
        {"name": "a\0b"},
        {"name": "a\nb"},
        b'{"name": "\\ud800"}',
        {"name": "x", "ip": "x y"},
        {"name": "x", "ip": "x", "port": 0},
        {"name": "x", "ip": "x", "port": 2**64},
        {"name": "x", "ip": "x", "port": True},
        {"name": "x", "ip": "x", "port": 1.0},
        {"name": "x", "ip": "x", "port": "1"},
        {"name": "x", "ip": "x", "virtualRamInMb": -1},
        {"name": "x", "ip": "x", "description": "a\x1bb"},
        {"name": "x", "ip": "x", "type": "kvm'; --"},
    ],
)
async def test_what_does_not_fit_is_not_written(
    client: httpx.AsyncClient, database: MemoryDatabase, body: Any
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await client.post(f"{RACKS}/1/machines", content=content, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (400, ERRORS), answer.text
    assert database.sql("SELECT COUNT(*) AS n FROM machine") == [{"n": 1}]
    assert not database.sql("SELECT * FROM outbox")


@pytest.mark.parametrize(
    "links",
    [
        {},
        "x",
        [1],
        [{}],
        [{"rel": "location"}],
        [{"rel": 1, "href": "x"}],
        [{"rel": "location", "href": 1}],
        [{"rel": "location", "href": ""}],
        [{"rel": "location", "href": "http://["}],
        [{"rel": "location", "href": "http://x/api/cloud/locations/99"}],
        [{"rel": "location", "href": "http://x/api/cloud/locations/1/"}],
        [{"rel": "location", "href": "http://x/api/cloud/locations/0"}],
        [{"rel": "location", "href": f"http://x/api/cloud/locations/{10**18 * 9 + 10**18 - 1}"}],
        [{"rel": "location", "href": "http://x/api/admin/roles/1"}],
        [{"rel": "datacenter", "href": "http://x/api/admin/datacenters/2"}],
        [
            {"rel": "location", "href": "http://x/api/cloud/locations/1"},
            {"rel": "enterprise", "href": "http://x/api/admin/enterprises/77"},
        ],
    ],
)
async def test_links_that_lead_nowhere(
    client: httpx.AsyncClient, database: MemoryDatabase, links: object
) -> None:
    answer = await client.post(VDCS, json={"name": "x", "links": links}, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (400, ERRORS), answer.text
    assert not database.sql("SELECT * FROM virtualdatacenter")


async def test_types_of_requests(client: httpx.AsyncClient) -> None:
    where, body = "/api/admin/enterprises", b'{"name": "x"}'
    for kind in (
        "text/plain",
        "application/xml",
        "application/vnd.abiquo.user+json",
        "application/vnd.abiquo.enterprise+xml",
        "application/vnd.abiquo.enterprise+json; version=99.0",
        "nonsense",
        "",
    ):
        answer = await client.post(where, content=body, headers={**ADMIN, "Content-Type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (415, ERRORS), kind
    for accept in ("application/xml", "application/vnd.abiquo.user+json", "text/html"):
        answer = await client.post(where, content=body, headers={**JSON, "Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (406, ERRORS), accept
    assert (await client.get(where, headers=JSON)).json()["totalSize"] == 2, "nothing was written"
    kind = "application/vnd.abiquo.enterprise+json"
    headers = {**ADMIN, "Content-Type": f"{kind}; version=5.0", "Accept": f"{kind}; version=4.2"}
    answer = await client.post(where, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (201, f"{kind}; version=4.2")
    large = json.dumps({"name": "x", "more": "x" * 70000}).encode()
    answer = await client.post(where, content=large, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (413, ERRORS)


@pytest.mark.parametrize("number", ["0", "01", "x", "-1", "1.0", "99", "9" * 18, "9" * 5000, "%00", "%D9%A3"])
async def test_numbers_that_are_none(client: httpx.AsyncClient, number: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, f"/api/admin/enterprises/{number}", headers=JSON, content=b"{}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, ERRORS)
    assert (await client.get(f"/api/admin/datacenters/{number}/racks", headers=JSON)).status_code == 404


async def test_methods(client: httpx.AsyncClient) -> None:
    for method, path, allowed in (
        ("PUT", RACKS, "GET, HEAD, POST"),
        ("POST", f"{RACKS}/1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/api/cloud/locations", "GET, HEAD"),
        ("DELETE", "/api/cloud/locations/1", "GET, HEAD"),
        ("PATCH", "/api/login", "GET, HEAD"),
    ):
        answer = await client.request(method, path, headers=JSON)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == ERRORS
    head = await client.head(RACKS, headers=JSON)
    assert (head.status_code, head.content) == (200, b"")
