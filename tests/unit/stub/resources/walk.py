"""The API as a client walks it: by links alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.stub.api_client import JSON, basic

if TYPE_CHECKING:
    import httpx

ADA = {**basic("ada", "lovelace"), "Content-Type": "application/json"}
VDCS = "/api/cloud/virtualdatacenters"
RACKS = "/api/admin/datacenters/1/racks"
# Owned by other parts of the API, or without a body.
NOT_HERE = {"logout", "deploy", "undeploy", "reset", "instance", "remoteaccess"}
NOT_HERE |= {"check", "diskfile", "download", "appliancemanager", "applianceManagerRepositoryUri"}


def href(document: dict[str, Any], rel: str) -> str:
    return str(next(one["href"] for one in document["links"] if one["rel"] == rel))


async def follow(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return every document that links lead to from the entry point."""
    found: dict[str, dict[str, Any]] = {}
    waiting = ["http://front.example/api/login"]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        answer = await client.get(here, headers=headers)
        assert answer.status_code == 200, f"{here}: {answer.status_code} {answer.text}"
        found[here] = document = answer.json()
        for one in [document, *document.get("collection", [])]:
            waiting += [link["href"] for link in one["links"] if link["rel"] not in NOT_HERE]
    return found


async def machine(client: httpx.AsyncClient, headers: dict[str, str] = JSON) -> dict[str, Any]:
    """Make a virtual machine by following links alone."""
    user = (await client.get("/api/login", headers=headers)).json()
    enterprise = (await client.get(href(user, "enterprise"), headers=headers)).json()
    stores = (await client.get(href(enterprise, "datacenterrepositories"), headers=headers)).json()
    store = stores["collection"][0]
    templates = (await client.get(href(store, "virtualmachinetemplates"), headers=headers)).json()
    template = {"rel": "virtualmachinetemplate", "href": href(templates["collection"][0], "edit")}
    location = {"rel": "location", "href": href(store, "location")}
    made = await client.post(
        href(user, "virtualdatacenters"), json={"name": "mine", "links": [location]}, headers=headers
    )
    assert made.status_code == 201, made.text
    made = await client.post(href(made.json(), "virtualappliances"), json={"name": "app"}, headers=headers)
    assert made.status_code == 201, made.text
    made = await client.post(
        href(made.json(), "virtualmachines"), json={"label": "web", "links": [template]}, headers=headers
    )
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def template_path(enterprise: int) -> str:
    return f"/admin/enterprises/{enterprise}/datacenterrepositories/1/virtualmachinetemplates/{enterprise}"
