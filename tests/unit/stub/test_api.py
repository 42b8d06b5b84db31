"""The API as a client sees it, with tokens in memory instead of Redis."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node

from .api_client import ADMIN, ERRORS, MemoryTokens, basic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio
USER = "application/vnd.abiquo.user+json; version=6.1"


@pytest.fixture
async def client(
    tokens: MemoryTokens, settings: Callable[..., Settings], client_of: Callable[..., httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    del tokens
    application, _ = compose(Node(settings("api", "legal")))
    async with client_of(application) as client:
        yield client


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/login", "/api/nothing", "/api/admin/x"])
async def test_strangers_are_challenged(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="Abiquo"'
    assert answer.headers["content-type"] == ERRORS
    assert answer.json()["collection"][0]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"admin").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        basic("admin", "wrong")["Authorization"],
        basic("nobody", "correct-horse")["Authorization"],
        basic("admin", "")["Authorization"],
        "Token",
        "Token never-given",
        "Bearer x",
    ],
)
async def test_wrong_credentials(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await client.get("/api/login", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


async def test_login_gives_a_token_that_works(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/login", headers=ADMIN)
    assert (answer.status_code, answer.headers["content-type"]) == (200, USER)
    assert answer.json()["nick"] == "admin"
    token = {"Authorization": f"Token {answer.headers['x-abiquo-token']}"}
    again = await client.get("/api/login", headers=token)
    assert again.headers["x-abiquo-token"] == answer.headers["x-abiquo-token"], "no token for a token"
    for link in answer.json()["links"]:
        if link["rel"] != "logout":
            assert (await client.get(link["href"], headers=token)).status_code == 200
    assert (await client.post("/api/logout", headers=token)).status_code == 204
    assert (await client.get("/api/login", headers=token)).status_code == 401


async def test_links_are_the_clients_own_address(client: httpx.AsyncClient) -> None:
    headers = {**ADMIN, "X-Forwarded-Proto": "https", "Host": "lab.example:8443"}
    for link in (await client.get("/api/login", headers=headers)).json()["links"]:
        assert link["href"].startswith("https://lab.example:8443/api/")
    headers["X-Forwarded-Proto"] = "javascript"
    for link in (await client.get("/api/login", headers=headers)).json()["links"]:
        assert link["href"].startswith("http://lab.example:8443/api/")


async def test_without_redis_there_are_no_sessions(client: httpx.AsyncClient, tokens: MemoryTokens) -> None:
    tokens.broken = True
    for headers in (ADMIN, {"Authorization": "Token x"}):
        answer = await client.get("/api/login", headers=headers)
        assert answer.status_code == 503
        assert "on purpose" not in answer.text


async def test_types_and_paths(client: httpx.AsyncClient) -> None:
    xml = {**ADMIN, "Accept": "application/xml"}
    answer = await client.get("/api/login", headers=xml)
    assert (answer.status_code, answer.headers["content-type"]) == (406, ERRORS)
    for method in ("GET", "POST", "DELETE"):
        answer = await client.request(method, "/api/nothing", headers=ADMIN)
        assert (answer.status_code, answer.headers["content-type"]) == (404, ERRORS)
    assert (await client.get("/api/admin/enterprises/1/users/2", headers=ADMIN)).status_code == 404
    assert (await client.delete("/api/login", headers=ADMIN)).status_code == 405


async def test_version_is_for_everybody(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/version", headers={"Accept": "text/plain"})
    assert (answer.status_code, answer.text) == (200, "6.1.0")
    assert (await client.get("/api/version", headers={"Accept": "image/png"})).status_code == 406


async def test_legal(client: httpx.AsyncClient) -> None:
    assert (await client.get("/legal/")).status_code == 200
    assert json.loads((await client.get("/nowhere")).text)["collection"][0]["code"] == "404"


async def test_an_unexpected_error_is_a_500_without_details(
    settings: Callable[..., Settings], tokens: MemoryTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    async def broken(_: str) -> str:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(tokens, "owner", broken)
    application, _ = compose(Node(settings("api")))
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/api/login", headers={"Authorization": "Token x"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, ERRORS)
    assert "secret" not in answer.text
