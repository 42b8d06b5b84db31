"""Console tokens, with a Redis and a MySQL in memory."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.consoles.places import Places, Wish
from labgen_stub.webapps.api.consoles.seal import seal, unseal
from labgen_stub.webapps.api.user import User

from .api_client import ADMIN
from .console_fakes import RUNNING, Machines, Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

    from .memory_database import MemoryDatabase

pytestmark = pytest.mark.anyio
PLACE = {"host": "dc1-hypervisor-1", "port": 5900}
ACTION = "/api/cloud/virtualdatacenters/3/virtualappliances/2/virtualmachines/1/action/remoteaccess"
GUESTS = {"dc1": "dc1-guest-1"}


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    monkeypatch.setattr("labgen_stub.webapps.api.Store", lambda _: found)
    return found


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    found = Machines()
    monkeypatch.setattr("labgen_stub.webapps.api.consoles.Places", lambda *_: Places(found, lambda: GUESTS))
    return found


@pytest.fixture
async def client(
    memory: Memory,
    machines: Machines,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    del memory, machines
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        yield client


def rel(answer: httpx.Response, name: str) -> str | None:
    return next((str(one["href"]) for one in answer.json()["links"] if one["rel"] == name), None)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["collection"][0]["code"])


async def test_a_token_of_ones_machine(client: httpx.AsyncClient, memory: Memory, machines: Machines) -> None:
    front = {"X-Forwarded-Proto": "https", "X-Labgen-Console": "front.example:41338"}
    before = time.time() * 1000
    made = await client.post(ACTION, headers=ADMIN | front)
    assert made.status_code == 201
    assert made.headers["content-type"].startswith("application/vnd.abiquo.remoteaccess+json")
    token, expires = made.json()["token"], made.json()["expires"]
    assert before + 59_000 < expires < before + 70_000
    assert machines.asked == [(1, 2, 3, 1, True)], (
        "machine, appliance, datacenter, whose, and that all are seen"
    )
    assert rel(made, "novnc") == f"wss://front.example:41338/websockify?token={token}"
    assert rel(made, "tunnel") == f"wss://front.example/api/cloud/consoles/{token}/tunnel"
    assert rel(made, "virtualmachine") == "https://front.example" + ACTION.removesuffix(
        "/action/remoteaccess"
    )
    assert memory.lifetimes == [60]
    found = await client.get(f"/api/cloud/consoles/{token}")
    assert (found.status_code, found.json()) == (200, {"host": "dc1-hypervisor-1", "port": 5901})


async def test_a_token_is_good_for_once(client: httpx.AsyncClient) -> None:
    token = (await client.post(ACTION, headers=ADMIN)).json()["token"]
    assert (await client.head(f"/api/cloud/consoles/{token}")).status_code == 405, (
        "looking does not use it up"
    )
    assert (await client.get(f"/api/cloud/consoles/{token}")).status_code == 200
    again = await client.get(f"/api/cloud/consoles/{token}")
    assert again.status_code == 404
    assert again.json()["collection"][0]["message"] == "No console has this token"


async def test_a_token_expires(client: httpx.AsyncClient, memory: Memory) -> None:
    token = (await client.post(ACTION, headers=ADMIN)).json()["token"]
    memory.later = 61
    assert (await client.get(f"/api/cloud/consoles/{token}")).status_code == 404


async def test_redis_knows_neither_token_nor_password(client: httpx.AsyncClient, memory: Memory) -> None:
    wish = {"protocol": "ssh", "username": "labgen", "password": "p4ss-w0rd"}
    made = await client.post(ACTION, headers=ADMIN, json=wish)
    told = json.dumps(memory.kept)
    assert memory.kept
    for secret in (made.json()["token"], "p4ss-w0rd", "labgen", "dc1-guest-1"):
        assert secret not in told
    assert "p4ss-w0rd" not in made.text


async def test_ssh_has_no_novnc(client: httpx.AsyncClient) -> None:
    made = await client.post(ACTION, headers=ADMIN, json={"protocol": "ssh"})
    assert rel(made, "novnc") is None
    assert rel(made, "tunnel")
    assert (await client.get(f"/api/cloud/consoles/{made.json()['token']}")).status_code == 404


async def test_without_a_front_end_the_documented_port(client: httpx.AsyncClient) -> None:
    made = await client.post(ACTION, headers=ADMIN)
    assert str(rel(made, "novnc")).startswith("wss://front.example:41337/websockify?token=")
    assert str(rel(made, "tunnel")).startswith("ws://front.example/api/")


@pytest.mark.parametrize(
    ("change", "status", "wanted"),
    [
        (None, 404, "404"),
        ({"state": "OFF"}, 409, "VM-OFF"),
        ({"state": "UNKNOWN"}, 409, "VM-OFF"),
        ({"state": "LOCKED"}, 409, "VM-OFF"),
        ({"display_host": ""}, 409, "VM-NO-DISPLAY"),
    ],
)
async def test_a_machine_without_console(
    client: httpx.AsyncClient,
    memory: Memory,
    machines: Machines,
    change: dict[str, Any] | None,
    status: int,
    wanted: str,
) -> None:
    machines.row = None if change is None else RUNNING | change
    answer = await client.post(ACTION, headers=ADMIN)
    assert (answer.status_code, code(answer)) == (status, wanted)
    assert not memory.kept


async def test_a_paused_machine_shows_its_screen_but_nobody_in_it_answers(
    client: httpx.AsyncClient, machines: Machines
) -> None:
    machines.row = RUNNING | {"state": "PAUSED"}
    made = await client.post(ACTION, headers=ADMIN)
    assert made.status_code == 201
    shown = (await client.get(f"/api/cloud/consoles/{made.json()['token']}")).json()
    assert shown == {"host": "dc1-hypervisor-1", "port": 5901}
    for protocol in ("ssh", "rdp"):
        refused = await client.post(ACTION, headers=ADMIN, json={"protocol": protocol})
        assert (refused.status_code, code(refused)) == (409, "VM-OFF")
        said = refused.json()["collection"][0]["message"]
        assert said == "The virtual machine is PAUSED, and has this console when it is ON"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"[]"}, 400),
        ({"content": b"{"}, 400),
        ({"content": b"[" * 4000}, 400),
        ({"json": {"protocol": "telnet"}}, 400),
        ({"json": {"protocol": ["vnc"]}}, 400),
        ({"json": {"password": "x" * 300}}, 400),
        ({"json": {"username": 7}}, 400),
        ({"json": {"username": "a\nb"}}, 400),
        ({"json": {"protocol": "ssh", "address": "dc1-hypervisor-1"}}, 400),
        ({"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}, 415),
        ({"headers": {"Accept": "text/html"}}, 406),
    ],
)
async def test_a_request_that_cannot_be(
    client: httpx.AsyncClient, memory: Memory, sent: dict[str, Any], status: int
) -> None:
    answer = await client.post(ACTION, **{**sent, "headers": ADMIN | sent.get("headers", {})})
    assert answer.status_code == status
    assert not memory.kept


async def test_strangers(client: httpx.AsyncClient, memory: Memory) -> None:
    assert (await client.post(ACTION)).status_code == 401
    assert (await client.post("/api/cloud/consoles", json=PLACE)).status_code == 401
    assert not memory.kept


async def test_an_unknown_token(client: httpx.AsyncClient) -> None:
    for token in ("nobodys", "x" * 32, "a%20b"):
        assert (await client.get(f"/api/cloud/consoles/{token}")).status_code == 404


async def test_the_tunnel_asked_without_websocket(client: httpx.AsyncClient) -> None:
    """So does whoever comes by AJP, which knows no upgrade."""
    answer = await client.get("/api/cloud/consoles/x/tunnel")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"


async def test_a_token_for_any_display(client: httpx.AsyncClient, memory: Memory) -> None:
    made = await client.post("/api/cloud/consoles", json=PLACE, headers=ADMIN)
    assert made.status_code == 201
    token = made.json()["token"]
    assert memory.lifetimes == [600]
    found = await client.get(f"/api/cloud/consoles/{token}")
    assert (found.status_code, found.json()) == (200, PLACE)
    assert (await client.get(f"/api/cloud/consoles/{token}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        {"host": "h", "port": "5900"},
        {"host": "h", "port": True},
        {"host": "h", "port": 5899},
        {"host": "h", "port": 65535},
        {"host": "", "port": 5900},
        {"host": "a b", "port": 5900},
        {"host": "-h", "port": 5900},
        {"port": 5900},
        b'{"host": "' + b"h" * 5000 + b'", "port": 5900}',
    ],
)
async def test_what_no_console_could_have(client: httpx.AsyncClient, memory: Memory, body: Any) -> None:
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await client.post("/api/cloud/consoles", headers=ADMIN, **sent)
    assert answer.status_code == 400
    assert code(answer) == "400-CONSOLE"
    assert not memory.kept


async def test_without_redis(client: httpx.AsyncClient, memory: Memory, machines: Machines) -> None:
    memory.broken = True
    assert (await client.post(ACTION, headers=ADMIN)).status_code == 503
    assert (await client.post("/api/cloud/consoles", json=PLACE, headers=ADMIN)).status_code == 503
    assert (await client.get(f"/api/cloud/consoles/{'x' * 32}")).status_code == 503
    memory.broken, machines.broken = False, True
    assert (await client.post(ACTION, headers=ADMIN)).status_code == 503


USER = User(7, "ann", "Ann", "Other", enterprise_id=9)
NUMBERS = {"virtualmachine": 1, "virtualappliance": 2, "virtualdatacenter": 3}


async def test_a_user_sees_the_own_enterprise_only() -> None:
    machines = Machines()
    await Places(machines, lambda: GUESTS).of(USER, NUMBERS, Wish(), every=False)
    assert machines.asked == [(1, 2, 3, 9, False)]


async def test_the_question_to_mysql(database: MemoryDatabase) -> None:
    for statement in (
        "INSERT INTO datacenter (id, uuid, name, kind) VALUES (4, 'dc1', 'One', 'DATACENTER')",
        "INSERT INTO enterprise (id, name) VALUES (9, 'Others')",
        "INSERT INTO virtualdatacenter (id, enterprise_id, datacenter_id, name) VALUES (3, 9, 4, 'vdc')",
        "INSERT INTO virtualappliance (id, virtualdatacenter_id, name) VALUES (2, 3, 'vapp')",
        """INSERT INTO virtualmachine (id, virtualappliance_id, uuid, name, label, cpu, ram, state,
            display_host, display_port)
            VALUES (1, 2, 'u', 'ABQ_u', 'web', 1, 16, 'ON', 'dc1-hypervisor-1', 5903)""",
    ):
        database.sql(statement)
    places = Places(database, lambda: GUESTS)
    found = await places.of(USER, NUMBERS, Wish(), every=False)
    assert (found.host, found.port, found.label) == ("dc1-hypervisor-1", 5903, "web")
    assert (await places.of(USER, NUMBERS, Wish("ssh"), every=False)).host == "dc1-guest-1"
    stranger = replace(USER, enterprise_id=1)
    assert await places.of(stranger, NUMBERS, Wish(), every=True) == found
    for user, numbers in ((stranger, NUMBERS), (USER, NUMBERS | {"virtualappliance": 7})):
        with pytest.raises(ApiError, match="does not exist"):
            await places.of(user, numbers, Wish(), every=False)


async def test_only_administrators_name_a_display(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    database.sql("UPDATE user SET role_id = (SELECT id FROM role WHERE name = 'USER')")
    answer = await client.post("/api/cloud/consoles", json=PLACE, headers=ADMIN)
    assert (answer.status_code, code(answer)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("wish", "guests", "address", "host"),
    [
        (Wish("ssh"), GUESTS, "10.20.0.7", "dc1-guest-1"),
        (Wish("ssh"), {}, "10.20.0.7", "10.20.0.7"),
        (Wish("rdp", address="10.20.0.7"), GUESTS, "10.20.0.7", "10.20.0.7"),
        (Wish("rdp", address="dc1-guest-1"), GUESTS, "", "dc1-guest-1"),
    ],
)
async def test_who_stands_for_a_machine(wish: Wish, guests: dict[str, str], address: str, host: str) -> None:
    machines = Machines()
    machines.row = RUNNING | {"address": address}
    found = await Places(machines, lambda: guests).of(USER, NUMBERS, wish, every=False)
    assert (found.host, found.port) == (host, {"ssh": 22, "rdp": 3389}[wish.protocol])


def test_only_the_token_opens_what_it_sealed() -> None:
    sealed = seal("token", b"a secret")
    assert unseal("token", sealed) == b"a secret"
    assert unseal("another", sealed) is None
    assert unseal("token", sealed[:-4] + "AAAA") is None
    assert unseal("token", "no base64!") is None
    assert seal("token", b"a secret") != seal("other", b"a secret")
