"""Actions, tasks and events as a client sees them, on a database in memory."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.links.errors import Unavailable
from labgen_stub.node import Node
from labgen_stub.webapps.api.events import Events, event
from labgen_stub.webapps.api.user import User
from labgen_stub.webapps.api.work import answers
from labgen_stub.wire import Garbled

from tests.unit.stub.work.kinton import Kinton, answer_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio
VM = "/api/cloud/virtualdatacenters/1/virtualappliances/1/virtualmachines/1"
ADMIN = {"Authorization": "Basic " + base64.b64encode(b"admin:correct-horse").decode()}


def typed(entity: str) -> dict[str, str]:
    return {**ADMIN, "Content-Type": f"application/vnd.abiquo.{entity}+json; version=6.1"}


@pytest.fixture
def kinton(monkeypatch: pytest.MonkeyPatch) -> Kinton:
    found = Kinton()
    monkeypatch.setattr("labgen_stub.webapps.api.Database", lambda _: found)
    found.host()
    found.vm()
    return found


@pytest.fixture
async def client(
    kinton: Kinton, settings: Callable[..., Settings], client_of: Callable[..., httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    assert kinton
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        yield client


async def finish(kinton: Kinton, **result: Any) -> None:
    answer = answer_to(kinton.last(), **result)
    await kinton.transact(lambda session: answers.take(session, answer))


async def test_a_deploy_is_accepted_and_its_task_followed(client: httpx.AsyncClient, kinton: Kinton) -> None:
    accepted = await client.post(f"{VM}/action/deploy", headers=typed("virtualmachinetask"), content="{}")
    assert accepted.status_code == 202
    assert accepted.headers["content-type"] == "application/vnd.abiquo.acceptedrequest+json; version=6.1"
    [status] = accepted.json()["links"]
    assert status["rel"] == "status"
    task = (await client.get(status["href"], headers=ADMIN)).json()
    assert (task["type"], task["state"], task["progress"]) == ("DEPLOY", "STARTED", 0.0)
    rels = {one["rel"]: one["href"] for one in task["links"]}
    assert rels["parent"] == f"http://front.example{VM}"
    assert rels["user"].endswith("/admin/enterprises/1/users/1")
    await finish(kinton, host="kvm-1")
    task = (await client.get(status["href"], headers=ADMIN)).json()
    assert (task["state"], task["progress"]) == ("FINISHED_SUCCESSFULLY", 1.0)
    assert task["jobs"]["collection"][0]["server"] == "dc1-rs-1"
    listed = (await client.get(f"{VM}/tasks", headers=ADMIN)).json()
    assert (listed["totalSize"], listed["collection"][0]["taskId"]) == (1, task["taskId"])
    assert (await client.get(f"{VM}/state", headers=ADMIN)).json()["state"] == "ON"


class Redis:
    """Keeps hashes, as Redis does; `away` takes it away."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}
        self.away = False

    async def do(self, command: str, *args: str) -> object:
        if self.away:
            raise Unavailable("on purpose")
        if command == "hgetall":
            return dict(self.hashes.get(args[0], {}))
        if command == "execute_command":
            assert args[0] == "HSET"
            self.hashes[args[1]] = dict(zip(args[2::2], args[3::2], strict=True))
        return None


async def test_a_task_that_goes_on_shows_what_redis_knows(
    kinton: Kinton,
    monkeypatch: pytest.MonkeyPatch,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> None:
    redis = Redis()
    monkeypatch.setattr("labgen_stub.webapps.api.Store", lambda _: redis)
    kinton.sql("UPDATE virtualmachine SET template_id = 2")
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        accepted = await client.post(f"{VM}/action/deploy", headers=ADMIN)
        place = accepted.json()["links"][0]["href"]

        async def shown() -> dict[str, Any]:
            answer = await client.get(place, headers=ADMIN)
            assert answer.status_code == 200
            return answer.json()  # type: ignore[no-any-return]

        task = await shown()
        [known] = redis.hashes.values()
        assert (known["state"], known["jobs"], known["done"]) == ("STARTED", "2", "0")
        assert (task["progress"], task["timestamp"]) == (0.0, int(known["at"]))
        known |= {"done": "1", "at": "77"}
        task = await shown()
        assert (task["progress"], task["timestamp"]) == (0.5, 77)
        for forgotten in ({}, {"jobs": "many", "done": "1", "at": "1"}):
            redis.hashes = {key: dict(forgotten) for key in redis.hashes}
            assert (await shown())["progress"] == 0.0, "the jobs tell"
        redis.away = True
        assert (await shown())["progress"] == 0.0


async def test_a_failure_is_told_with_who_is_at_fault(
    client: httpx.AsyncClient, kinton: Kinton, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All in one millisecond, and still the jobs are in the order in which they came.
    monkeypatch.setattr("labgen_stub.webapps.api.work.jobs.now", lambda: 77)
    accepted = await client.post(f"{VM}/action/deploy", headers=ADMIN)
    await finish(kinton, error="no disk", fault="kvm-1")
    await finish(kinton)
    task = (await client.get(accepted.json()["links"][0]["href"], headers=ADMIN)).json()
    assert (task["state"], task["error"], task["fault"]) == ("FINISHED_UNSUCCESSFULLY", "no disk", "kvm-1")
    jobs = task["jobs"]["collection"]
    assert [(one["state"], one["creationTimestamp"]) for one in jobs] == [("FAILED", 77), ("DONE", 78)]


async def test_what_is_refused_is_a_conflict_in_the_platforms_words(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"{VM}/action/deploy", headers=ADMIN)).status_code == 202
    refused = await client.post(f"{VM}/action/undeploy", headers=ADMIN)
    assert refused.status_code == 409
    assert refused.json()["collection"][0]["code"] == "VM-2"


@pytest.mark.parametrize(
    ("method", "path", "entity", "body", "status"),
    [
        ("POST", f"{VM}/action/deploy", "virtualmachine", "{}", 415),
        ("POST", f"{VM}/action/deploy", "virtualmachinetask", "[]", 400),
        ("POST", f"{VM}/action/deploy", "virtualmachinetask", "{", 400),
        ("POST", f"{VM}/action/deploy", "virtualmachinetask", "[" * 50000, 400),
        ("PUT", f"{VM}/state", "virtualmachinestate", '{"state": "BROKEN"}', 400),
        ("PUT", f"{VM}/state", "virtualmachinestate", '{"state": ["ON"]}', 400),
        ("PUT", f"{VM}/state", "virtualmachinestate", '{"state": "ON"}', 409),
        ("POST", f"{VM}/action/instance", "virtualmachineinstance", "{}", 400),
        ("POST", f"{VM}/action/instance", "virtualmachineinstance", '{"instanceName": "\\ud800"}', 400),
        ("POST", f"{VM}9/action/deploy", "virtualmachinetask", "{}", 404),
        ("POST", f"{VM}{'9' * 40}/action/deploy", "virtualmachinetask", "{}", 404),
        ("GET", f"{VM}/tasks/nothing", "task", "", 404),
        ("GET", f"{VM}/tasks?startwith=-1", "task", "", 400),
        ("GET", "/api/events?limit=x", "event", "", 400),
        ("GET", "/api/events?datefrom=x", "event", "", 400),
        ("GET", f"/api/events?user={'x' * 200}", "event", "", 400),
        ("POST", "/api/admin/datacenters/7/action/discover", "datacenter", "", 404),
    ],
)
async def test_bad_input_is_refused_and_leaves_nothing(  # noqa: PLR0917 - the columns of a table
    client: httpx.AsyncClient, kinton: Kinton, method: str, path: str, entity: str, body: str, status: int
) -> None:
    answer = await client.request(method, path, headers=typed(entity), content=body)
    assert answer.status_code == status
    assert answer.json()["collection"][0]["message"]
    assert kinton.sql("SELECT * FROM outbox") == []


async def test_others_do_not_see_it(client: httpx.AsyncClient, kinton: Kinton) -> None:
    kinton.sql("INSERT OR IGNORE INTO role (id, name) VALUES (3, 'USER')")
    kinton.sql("INSERT INTO enterprise (id, name) VALUES (2, 'Other')")
    kinton.sql("UPDATE user SET enterprise_id = 2, role_id = 3")
    assert (await client.post(f"{VM}/action/deploy", headers=ADMIN)).status_code == 404
    assert (await client.post("/api/admin/datacenters/1/action/discover", headers=ADMIN)).status_code == 403
    kinton.sql(
        "INSERT INTO event (timestamp, severity, type, action, component, enterprise_id, document) "
        "VALUES (1, 'INFO', 'USER', 'LOGIN', 'API', 1, '{}'), (2, 'INFO', 'USER', 'LOGIN', 'API', 2, '{}')"
    )
    assert (await client.get("/api/events", headers=ADMIN)).json()["totalSize"] == 1


async def test_events_are_paged_newest_first(client: httpx.AsyncClient, kinton: Kinton) -> None:
    await client.post(f"{VM}/action/deploy", headers=ADMIN)
    await finish(kinton, host="kvm-1")
    page = (await client.get("/api/events?limit=1", headers=ADMIN)).json()
    assert (page["totalSize"], page["collection"][0]["action"]) == (2, "DEPLOY_FINISH")
    links = {one["rel"]: one["href"] for one in page["links"]}
    older = (await client.get(links["next"], headers=ADMIN)).json()
    assert older["collection"][0]["action"] == "DEPLOY_START"
    assert {one["rel"] for one in older["links"]} == {"first", "prev", "last"}
    found = (await client.get("/api/events?action=DEPLOY_START&datefrom=1", headers=ADMIN)).json()
    assert found["totalSize"] == 1


async def test_a_machine_discovery_is_a_task_of_its_datacenter(client: httpx.AsyncClient) -> None:
    path = "/api/admin/datacenters/1"
    accepted = await client.post(f"{path}/action/discover", headers=ADMIN)
    assert accepted.status_code == 202
    task = (await client.get(accepted.json()["links"][0]["href"], headers=ADMIN)).json()
    assert (task["type"], task["ownerId"]) == ("DISCOVER", "1")
    assert (await client.post(f"{path}/action/discover", headers=ADMIN)).status_code == 409


async def test_a_template_that_is_gone_still_has_its_task(client: httpx.AsyncClient, kinton: Kinton) -> None:
    path = "/api/admin/enterprises/1/datacenterrepositories/1/virtualmachinetemplates"
    kinton.sql(
        "INSERT INTO remote_service (datacenter_id, type, uri) "
        "VALUES (1, 'APPLIANCE_MANAGER', 'http://127.0.0.1:1/am')"
    )
    accepted = await client.delete(f"{path}/2", headers=ADMIN)
    assert accepted.status_code == 202
    kinton.sql("DELETE FROM template WHERE id = 2")
    task = await client.get(accepted.json()["links"][0]["href"], headers=ADMIN)
    assert (task.status_code, task.json()["type"]) == (200, "DELETE_TEMPLATE")
    assert (await client.get(f"{path}/7/tasks", headers=ADMIN)).status_code == 404


async def test_without_mysql_nothing_hangs(client: httpx.AsyncClient, kinton: Kinton) -> None:
    kinton.broken = True
    assert (await client.get("/api/events", headers=ADMIN)).status_code == 503


class Broker:
    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.broken = False

    async def publish(self, exchange: str, kind: str, routing_key: str, body: bytes) -> None:
        assert (exchange, kind, routing_key) == ("abiquo.tracer.fanout", "fanout", "")
        if self.broken:
            raise Garbled("away")
        self.taken.append(body)


async def test_a_login_goes_through_mysql_and_past_it_while_it_is_away(
    kinton: Kinton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labgen_stub.webapps.api.events._PAUSE", 0)
    broker = Broker()
    events = Events(broker, kinton)  # type: ignore[arg-type]
    running = asyncio.create_task(events.run())
    login = event("LOGIN", "USER", User(1, "admin"), "/api/admin/enterprises/1/users/1")
    events.publish(login)
    async with asyncio.timeout(3):
        while kinton.actions() != ["LOGIN"]:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.01)
        assert kinton.streamed()[0]["user"] == "admin"
        assert not broker.taken
        kinton.broken = broker.broken = True
        events.publish(login)
        await asyncio.sleep(0.05)
        broker.broken = False
        while not broker.taken:  # noqa: ASYNC110 - what is waited for is in other hands
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
