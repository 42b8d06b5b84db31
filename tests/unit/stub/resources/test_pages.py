"""Collections by pages, in an order, and what is looked for in them."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.stub.api_client import ERRORS, JSON
from tests.unit.stub.resources.walk import RACKS, href

pytestmark = pytest.mark.anyio


async def test_pages(client: httpx.AsyncClient) -> None:
    assert (await client.delete(f"{RACKS}/1/machines/1", headers=JSON)).status_code == 204
    assert (await client.delete(f"{RACKS}/1", headers=JSON)).status_code == 204
    empty = (await client.get(RACKS, headers=JSON)).json()
    assert (empty["totalSize"], empty["collection"]) == (0, [])
    assert [one["rel"] for one in empty["links"]] == ["first", "last"]
    for number in range(30):
        name = f"r{number:02}" + ("%_\\" if number == 7 else "")
        assert (await client.post(RACKS, json={"name": name}, headers=JSON)).status_code == 201
    first = (await client.get(RACKS, headers=JSON)).json()
    assert (first["totalSize"], len(first["collection"])) == (30, 25)
    assert {one["rel"] for one in first["links"]} == {"first", "next", "last"}
    names, page = [], first
    while True:
        names += [one["name"][:3] for one in page["collection"]]
        if "next" not in {one["rel"] for one in page["links"]}:
            break
        page = (await client.get(href(page, "next"), headers=JSON)).json()
    assert names == [f"r{number:02}" for number in range(30)]
    assert {one["rel"] for one in page["links"]} == {"first", "prev", "last"}
    assert (await client.get(href(page, "prev"), headers=JSON)).json() == first

    async def listed(query: str) -> list[str]:
        answer = await client.get(f"{RACKS}?{query}", headers=JSON)
        return [one["name"] for one in answer.json()["collection"]]

    assert await listed("by=name&asc=false&limit=2") == ["r29", "r28"]
    assert await listed("by=name&asc=false&limit=2&startwith=2") == ["r27", "r26"]
    assert await listed("has=r1&limit=3") == ["r10", "r11", "r12"]
    for text in ("%25", "_", "%5C"):
        assert await listed(f"has={text}") == ["r07%_\\"]
    assert len(await listed("limit=0")) == 30
    assert await listed("startwith=1000") == []
    last = (await client.get(f"{RACKS}?startwith=1000&limit=10", headers=JSON)).json()
    assert href(last, "prev").endswith("startwith=20&limit=10")
    sorted_page = (await client.get(f"{RACKS}?by=name&asc=false&has=r&limit=7", headers=JSON)).json()
    assert href(sorted_page, "next").endswith("startwith=7&limit=7&by=name&asc=false&has=r")


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=",
        "limit=x",
        "limit=1001",
        "limit=99999999999999999999",
        "limit=1e3",
        "limit=%D9%A3",
        "startwith=-1",
        "startwith=9223372036854775808",
        "by=password",
        "by=name;drop",
        "by=",
        "asc=maybe",
        "asc=",
        "has=%00",
        "has=" + "x" * 129,
    ],
)
async def test_odd_queries(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/admin/enterprises/1/users?{query}", headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (400, ERRORS)
