"""What a client reaches by links: everything that is its own, and nothing else."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.unit.stub.api_client import ADMIN, ERRORS, JSON
from tests.unit.stub.memory_database import MemoryDatabase
from tests.unit.stub.resources.walk import ADA, RACKS, VDCS, follow, href, machine, template_path

pytestmark = pytest.mark.anyio


async def test_links_lead_everywhere(client: httpx.AsyncClient) -> None:
    await machine(client)
    found = await follow(client, JSON)
    paths = {one.partition("/api")[2].partition("?")[0] for one in found}
    assert {
        "/admin/enterprises/2/users/7",
        "/admin/roles/3",
        "/admin/scopes/1",
        "/admin/datacenters/1/racks/1/machines/1",
        "/admin/datacenters/1/remoteservices/1",
        "/admin/publiccloudregions/2/remoteservices/8",
        "/cloud/locations/2",
        "/admin/enterprises/1/datacenterrepositories/1/virtualmachinetemplates/1",
        "/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/1",
    } <= paths


async def test_a_plain_user_sees_its_enterprise_alone(client: httpx.AsyncClient) -> None:
    made, own = await machine(client), await machine(client, ADA)
    found = await follow(client, ADA)
    text = json.dumps(found)
    assert "Analytical" in text
    assert "enterprises/1" not in text
    assert href(own, "edit") in found
    assert href(made, "edit") not in found
    for path in (href(made, "edit"), "/api/admin/enterprises/1", "/api/admin/enterprises/2/users/1"):
        assert (await client.get(path, headers=ADA)).status_code == 404, path
    for path in ("/api/admin/datacenters", RACKS, f"{RACKS}/1/machines/1", "/api/admin/publiccloudregions/2"):
        assert (await client.get(path, headers=ADA)).status_code == 403, path
    assert (await client.get("/api/admin/datacenters/1/remoteservices/1", headers=ADA)).status_code == 403
    for path in ("/api/admin/enterprises", "/api/admin/roles", "/api/admin/enterprises/2/users"):
        answer = await client.post(path, json={"name": "x", "nick": "x"}, headers=ADA)
        assert (answer.status_code, answer.headers["content-type"]) == (403, ERRORS), path
    link = {"rel": "virtualmachinetemplate", "href": "http://x/api" + template_path(1)}
    answer = await client.post(
        f"{VDCS}/2/virtualappliances/2/virtualmachines", json={"links": [link]}, headers=ADA
    )
    assert answer.status_code == 400
    assert "leads to nothing that you may use" in answer.text


async def test_a_machine_as_it_is_shown(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    made = await machine(client)
    here = "http://front.example/api/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/1"
    assert (made["label"], made["cpu"], made["ram"], made["state"]) == ("web", 2, 64, "NOT_ALLOCATED")
    assert made["name"] == f"ABQ_{made['uuid']}"
    links = {one["rel"]: one["href"].removeprefix(here) for one in made["links"]}
    assert {
        "edit": "",
        "state": "/state",
        "deploy": "/action/deploy",
        "undeploy": "/action/undeploy",
        "reset": "/action/reset",
        "instance": "/action/instance",
        "remoteaccess": "/action/remoteaccess",
        "tasks": "/tasks",
    }.items() <= links.items()
    assert "task" not in links
    database.sql("UPDATE virtualmachine SET state = 'LOCKED', task_id = 'abc', machine_id = 1")
    made = (await client.get(here, headers=JSON)).json()
    assert href(made, "task") == here + "/tasks/abc"
    assert href(made, "machine").endswith("/api/admin/datacenters/1/racks/1/machines/1")
    on_it = await client.get(href(made, "machine") + "/action/virtualmachines", headers=JSON)
    assert [one["id"] for one in on_it.json()["collection"]] == [1]


async def test_the_way_to_the_repository(client: httpx.AsyncClient) -> None:
    headers = {**ADMIN, "X-Forwarded-Proto": "https", "Host": "lab.example:8443"}
    stores = (await client.get("/api/admin/enterprises/1/datacenterrepositories", headers=headers)).json()
    here, far = stores["collection"]
    assert href(here, "applianceManagerRepositoryUri") == "https://lab.example:8443/am-dc1/erepos/1"
    assert "appliancemanager" not in {one["rel"] for one in far["links"]}
    template = (await client.get(f"/api{template_path(1)}", headers=headers)).json()
    assert href(template, "download") == "https://lab.example:8443/am-dc1/erepos/1/templates/tiny/a%20b.qcow2"
    changed = await client.put(
        f"/api{template_path(1)}", json={"name": "n", "cpu": 1, "ram": 9}, headers=JSON
    )
    assert (changed.status_code, changed.json()["ram"]) == (200, 9)


async def test_a_parent_of_another_kind_is_none(client: httpx.AsyncClient) -> None:
    for path in (
        "/api/admin/datacenters/2",
        "/api/admin/publiccloudregions/1",
        "/api/admin/datacenters/2/remoteservices",
        "/api/admin/datacenters/2/remoteservices/8",
        "/api/admin/datacenters/1/remoteservices/8",
        "/api/admin/datacenters/2/racks/1",
        "/api/admin/datacenters/1/racks/2/machines/1",
        "/api/admin/enterprises/2/users/1",
        "/api/admin/enterprises/2/datacenterrepositories/1/virtualmachinetemplates/1",
    ):
        assert (await client.get(path, headers=JSON)).status_code == 404, path
