"""Users in the database: who may log in, and with which password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from labgen_stub.app import compose
from labgen_stub.node import Node
from labgen_stub.webapps.api import passwords
from labgen_stub.webapps.api.user import Rank, rank_of

from .api_client import ADMIN, MemoryTokens, basic
from .memory_database import MemoryDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from labgen_stub.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(
    tokens: MemoryTokens,
    database: MemoryDatabase,
    settings: Callable[..., Settings],
    client_of: Callable[..., httpx.AsyncClient],
) -> AsyncIterator[httpx.AsyncClient]:
    del tokens
    database.sql(
        "INSERT INTO user (id, enterprise_id, role_id, nick, name, password) "
        "VALUES (7, 1, 3, 'ada', 'Ada', ?)",
        await passwords.protect("lovelace"),
    )
    application, _ = compose(Node(settings("api")))
    async with client_of(application) as client:
        yield client


async def test_a_user_of_the_database_logs_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/login", headers=basic("ada", "lovelace"))
    assert (answer.status_code, answer.json()["nick"], answer.json()["id"]) == (200, "ada", 7)


@pytest.mark.parametrize("password", ["", "Lovelace", "correct-horse", "x" * 5000, "\0", "lovelace\0"])
async def test_no_other_password_will_do(client: httpx.AsyncClient, password: str) -> None:
    assert (await client.get("/api/login", headers=basic("ada", password))).status_code == 401


async def test_the_administrators_password_is_the_secret(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    assert (await client.get("/api/login", headers=ADMIN)).status_code == 200
    assert (await client.get("/api/login", headers=basic("ada", "correct-horse"))).status_code == 401
    database.sql("UPDATE user SET password = ? WHERE id = 1", await passwords.protect("own choice"))
    assert (await client.get("/api/login", headers=ADMIN)).status_code == 401
    assert (await client.get("/api/login", headers=basic("admin", "own choice"))).status_code == 200


async def test_nobody_logs_in_without_a_password(client: httpx.AsyncClient, database: MemoryDatabase) -> None:
    database.sql("UPDATE user SET password = '' WHERE id = 7")
    for password in ("", "lovelace", "correct-horse"):
        assert (await client.get("/api/login", headers=basic("ada", password))).status_code == 401


async def test_who_is_no_longer_active_is_out_at_once(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    answer = await client.get("/api/login", headers=basic("ada", "lovelace"))
    token = {"Authorization": f"Token {answer.headers['x-abiquo-token']}"}
    assert (await client.get("/api/login", headers=token)).status_code == 200
    database.sql("UPDATE user SET active = 0 WHERE id = 7")
    assert (await client.get("/api/login", headers=token)).status_code == 401
    assert (await client.get("/api/login", headers=basic("ada", "lovelace"))).status_code == 401


async def test_without_the_database_nobody_is_refused_as_a_stranger(
    client: httpx.AsyncClient, database: MemoryDatabase
) -> None:
    database.broken = True
    answer = await client.get("/api/login", headers=ADMIN)
    assert answer.status_code == 503
    assert answer.json()["collection"] == [
        {"code": "503-DATABASE", "message": "The database is not available now"}
    ]


async def test_passwords_are_kept_with_a_salt_of_their_own() -> None:
    one, other = await passwords.protect("same"), await passwords.protect("same")
    assert one != other
    assert await passwords.fits("same", one)
    assert not await passwords.fits("Same", one)
    for malformed in ("", "$", "zz$zz", "00", one + "00", passwords.NOBODY):
        assert not await passwords.fits("same", malformed)


def test_ranks() -> None:
    assert rank_of("CLOUD_ADMIN") is Rank.CLOUD_ADMIN
    assert rank_of("ENTERPRISE_ADMIN") is Rank.ENTERPRISE_ADMIN
    assert rank_of("OF_ONES_OWN") is Rank.USER
