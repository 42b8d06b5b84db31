"""The resources as a client sees them: reached by links, listed by pages, written only when right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api import passwords
from labgen_stub.webapps.api.seed import Seed

from .memory_database import MemoryDatabase
from .test_accounts import tokens
from .test_api import ADMIN, ERRORS, MemoryTokens, basic
from .test_schema import NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio
__all__ = ["tokens"]
JSON = {**ADMIN, "Content-Type": "application/json"}
ADA = {**basic("ada", "lovelace"), "Content-Type": "application/json"}
VDCS = "/api/cloud/virtualdatacenters"
RACKS = "/api/admin/datacenters/1/racks"
# Owned by other parts of the API, or without a body.
NOT_HERE = {"logout", "deploy", "undeploy", "reset", "instance", "remoteaccess"}
NOT_HERE |= {"check", "diskfile", "download", "appliancemanager", "applianceManagerRepositoryUri"}


@pytest.fixture
async def client(
    tokens: MemoryTokens,
    database: MemoryDatabase,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    """Build an API with a datacenter, a region, a hypervisor, templates, and a user of another enterprise."""
    del tokens
    await Seed(database, NEIGHBOURS, lambda: True).write()
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
    link = {"rel": "virtualmachinetemplate", "href": "http://x/api" + _template(1)}
    answer = await client.post(
        f"{VDCS}/2/virtualappliances/2/virtualmachines", json={"links": [link]}, headers=ADA
    )
    assert answer.status_code == 400
    assert "leads to nothing that you may use" in answer.text


def _template(enterprise: int) -> str:
    return f"/admin/enterprises/{enterprise}/datacenterrepositories/1/virtualmachinetemplates/{enterprise}"


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


async def test_a_machine_needs_a_template_of_its_own_place(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    region = {"rel": "location", "href": "http://x/api/cloud/locations/2"}
    made = (await client.post(VDCS, json={"name": "far", "links": [region]}, headers=JSON)).json()
    assert made["hypervisorType"] == "AMAZON"
    app = (await client.post(href(made, "virtualappliances"), json={"name": "a"}, headers=JSON)).json()
    link = {"rel": "virtualmachinetemplate", "href": "http://x/api" + _template(1)}
    answer = await client.post(href(app, "virtualmachines"), json={"links": [link]}, headers=JSON)
    assert (answer.status_code, "another datacenter" in answer.text) == (409, True)
    database.sql("UPDATE template SET datacenter_id = 2, state = 'IN_PROGRESS' WHERE id = 1")
    link["href"] = link["href"].replace("repositories/1", "repositories/2")
    answer = await client.post(href(app, "virtualmachines"), json={"links": [link]}, headers=JSON)
    assert answer.status_code == 409
    assert not database.sql("SELECT * FROM virtualmachine")


async def test_the_way_to_the_repository(client: httpx.AsyncClient) -> None:
    headers = {**ADMIN, "X-Forwarded-Proto": "https", "Host": "lab.example:8443"}
    stores = (await client.get("/api/admin/enterprises/1/datacenterrepositories", headers=headers)).json()
    here, far = stores["collection"]
    assert href(here, "applianceManagerRepositoryUri") == "https://lab.example:8443/am-dc1/erepos/1"
    assert "appliancemanager" not in {one["rel"] for one in far["links"]}
    template = (await client.get(f"/api{_template(1)}", headers=headers)).json()
    assert (
        href(template, "download") == "https://lab.example:8443/am-dc1/erepos/1/templates/1/tiny/a%20b.qcow2"
    )
    changed = await client.put(f"/api{_template(1)}", json={"name": "n", "cpu": 1, "ram": 9}, headers=JSON)
    assert (changed.status_code, changed.json()["ram"]) == (200, 9)


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
