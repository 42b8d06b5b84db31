"""Resources made, changed and removed: only what is right, and each change is told."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.unit.stub.api_client import ADMIN, ERRORS, JSON
from tests.unit.stub.memory_database import MemoryDatabase
from tests.unit.stub.resources.walk import RACKS, VDCS, href, machine, template_path

pytestmark = pytest.mark.anyio


async def test_what_is_locked_or_in_use_stays(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    made = await machine(client)
    here = href(made, "edit")
    database.sql("UPDATE virtualmachine SET state = 'LOCKED', task_id = 'abc', machine_id = 1")
    for answer in (
        await client.put(here, json={"label": "other"}, headers=JSON),
        await client.delete(here, headers=JSON),
        await client.delete(href(made, "virtualappliance"), headers=JSON),
        await client.delete(href(made, "virtualdatacenter"), headers=JSON),
        await client.delete(href(made, "virtualmachinetemplate"), headers=JSON),
        await client.delete(f"{RACKS}/1/machines/1", headers=JSON),
        await client.delete(f"{RACKS}/1", headers=JSON),
        await client.delete("/api/admin/datacenters/1", headers=JSON),
        await client.delete("/api/admin/enterprises/1", headers=JSON),
        await client.delete("/api/admin/roles/1", headers=JSON),
        await client.delete("/api/admin/scopes/1", headers=JSON),
        await client.delete("/api/admin/enterprises/1/users/1", headers=JSON),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (409, ERRORS), answer.text
    database.sql("UPDATE virtualmachine SET state = 'ON', task_id = NULL")
    assert (await client.delete(here, headers=JSON)).status_code == 409
    database.sql("UPDATE virtualmachine SET state = 'NOT_ALLOCATED', machine_id = NULL")
    changed = await client.put(here, json={"label": "other", "cpu": 4}, headers=JSON)
    assert (changed.status_code, changed.json()["label"], changed.json()["cpu"]) == (200, "other", 4)
    for path in (here, href(made, "virtualappliance"), href(made, "virtualdatacenter")):
        assert (await client.delete(path, headers=JSON)).status_code == 204
        assert (await client.get(path, headers=JSON)).status_code == 404


async def test_a_machine_that_is_deployed_is_reconfigured_by_a_task(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    made = await machine(client)
    database.sql("UPDATE virtualmachine SET state = 'OFF', machine_id = 1")
    answer = await client.put(href(made, "edit"), json={"cpu": 3}, headers=JSON)
    assert answer.status_code == 202, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.abiquo.acceptedrequest+json")
    task = database.sql("SELECT id FROM task")[0]["id"]
    assert href(answer.json(), "status") == f"{href(made, 'edit')}/tasks/{task}"


async def test_what_was_got_can_be_posted(client: httpx.AsyncClient) -> None:
    made = await machine(client)
    for path, changes in (
        (href(made, "edit"), {}),
        (href(made, "virtualappliance"), {"name": "second"}),
        (href(made, "virtualdatacenter"), {"name": "second"}),
        (f"{RACKS}/1", {"name": "second"}),
        (f"{RACKS}/1/machines/1", {"name": "second", "ip": "second"}),
        ("/api/admin/datacenters/1", {"name": "second", "uuid": "second"}),
        ("/api/admin/publiccloudregions/2", {"name": "third", "uuid": "third"}),
        ("/api/admin/enterprises/2", {"name": "second"}),
        ("/api/admin/enterprises/2/users/7", {"nick": "second"}),
        ("/api/admin/roles/3", {"name": "SECOND"}),
        ("/api/admin/scopes/1", {"name": "second"}),
    ):
        got = (await client.get(path, headers=JSON)).json()
        again = await client.post(path.rpartition("/")[0], json={**got, **changes}, headers=JSON)
        assert again.status_code == 201, again.text
        assert again.headers["location"] == href(again.json(), "edit")
        assert again.json()["id"] != got["id"]
        shown = (await client.get(again.headers["location"], headers=JSON)).json()
        assert shown == again.json()
        unlike = {
            key for key in got if key not in ("id", "links", "uuid", *changes) and got[key] != shown[key]
        }
        assert not unlike - {"name", "blocked"}
        put = await client.put(again.headers["location"], json=shown, headers=JSON)
        assert (put.status_code, put.json()) == (200, shown)


async def test_names_are_given_once(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/admin/enterprises", json={"name": "Abiquo"}, headers=JSON)
    assert (answer.status_code, answer.json()["collection"][0]["code"]) == (409, "409-CONFLICT")


async def test_a_machine_needs_a_template_of_its_own_place(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    region = {"rel": "location", "href": "http://x/api/cloud/locations/2"}
    made = (await client.post(VDCS, json={"name": "far", "links": [region]}, headers=JSON)).json()
    assert made["hypervisorType"] == "AMAZON"
    app = (await client.post(href(made, "virtualappliances"), json={"name": "a"}, headers=JSON)).json()
    link = {"rel": "virtualmachinetemplate", "href": "http://x/api" + template_path(1)}
    answer = await client.post(href(app, "virtualmachines"), json={"links": [link]}, headers=JSON)
    assert (answer.status_code, "another datacenter" in answer.text) == (409, True)
    database.sql("UPDATE template SET datacenter_id = 2, state = 'IN_PROGRESS' WHERE id = 1")
    link["href"] = link["href"].replace("repositories/1", "repositories/2")
    answer = await client.post(href(app, "virtualmachines"), json={"links": [link]}, headers=JSON)
    assert answer.status_code == 409
    assert not database.sql("SELECT * FROM virtualmachine")


async def test_changes_are_events(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    made = await client.post("/api/admin/scopes", json={"name": "s"}, headers=JSON)
    await client.put(made.headers["location"], json={"name": "t"}, headers=JSON)
    await client.delete(made.headers["location"], headers=JSON)
    told = [json.loads(one["document"]) for one in database.sql("SELECT document FROM event ORDER BY id")]
    told = [one for one in told if one["entity"] == "SCOPE"]
    assert [one["action"] for one in told] == ["CREATE", "MODIFY", "DELETE"]
    assert {one["entityURI"] for one in told} == {"/api/admin/scopes/2"}
    assert len(database.sql("SELECT * FROM outbox")) >= 3


async def test_without_the_database(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    token = {
        "Authorization": "Token " + (await client.get("/api/login", headers=ADMIN)).headers["x-abiquo-token"]
    }
    database.broken = True
    answer = await client.get(VDCS, headers=token)
    assert (answer.status_code, answer.headers["content-type"]) == (503, ERRORS)
    assert answer.json()["collection"][0]["code"] == "503-DATABASE"
