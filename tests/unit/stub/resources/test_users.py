"""Users, whom administrators of their enterprise administer."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.unit.stub.api_client import ADMIN, JSON, basic
from tests.unit.stub.memory_database import MemoryDatabase
from tests.unit.stub.resources.walk import href

pytestmark = pytest.mark.anyio


async def test_users_are_administered(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    users = "/api/admin/enterprises/2/users"
    role = {"rel": "role", "href": "http://x/api/admin/roles/2"}
    made = await client.post(
        users, json={"nick": "eve", "name": "Eve", "password": "first", "links": [role]}, headers=JSON
    )
    assert made.status_code == 201, made.text
    assert "password" not in made.json()
    assert "first" not in json.dumps(database.sql("SELECT * FROM user"))
    eve = {**basic("eve", "first"), "Content-Type": "application/json"}
    assert {one["nick"] for one in (await client.get(users, headers=eve)).json()["collection"]} == {
        "ada",
        "eve",
    }
    assert (await client.post(users, json={"nick": "bob", "name": "Bob"}, headers=eve)).status_code == 201
    mighty = {"nick": "m", "name": "M", "links": [{**role, "href": "http://x/api/admin/roles/1"}]}
    assert (await client.post(users, json=mighty, headers=eve)).status_code == 403
    own = href(made.json(), "edit")
    assert (await client.put(own, json={"links": mighty["links"]}, headers=eve)).status_code == 403
    assert (await client.delete(own, headers=eve)).status_code == 409, "not oneself"
    database.sql("UPDATE user SET enterprise_id = 2 WHERE nick = 'admin'")
    answer = await client.put(f"{users}/1", json={"password": "stolen"}, headers=eve)
    assert answer.status_code == 403, "nor whoever may more"
    changed = await client.put(own, json={"password": "second", "surname": "E"}, headers=JSON)
    assert (changed.status_code, changed.json()["surname"]) == (200, "E")
    assert (await client.get("/api/login", headers=eve)).status_code == 401
    assert (await client.get("/api/login", headers=basic("eve", "second"))).status_code == 200
    assert (await client.delete(own, headers=JSON)).status_code == 204
    assert (await client.get("/api/login", headers=basic("eve", "second"))).status_code == 401


@pytest.mark.parametrize(
    "change", [{"active": False}, {"nick": "x"}, {"links": [{"rel": "role", "href": "/api/admin/roles/3"}]}]
)
async def test_the_administrator_stays_one(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await client.put("/api/admin/enterprises/1/users/1", json=change, headers=JSON)
    assert answer.status_code == 409
    assert (await client.get("/api/login", headers=ADMIN)).status_code == 200
