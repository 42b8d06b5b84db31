"""One round of questions at a time, and the answer that `/check` makes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from labgen_stub.checks import Checks
from labgen_stub.webapps.check import route
from starlette.applications import Starlette

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from labgen_stub.settings import Neighbour
    from labgen_stub.wire.outcome import Result

pytestmark = pytest.mark.anyio


class Asked:
    """Answers from a list of results by role, and counts."""

    def __init__(self, **results: Result) -> None:
        self.results, self.count = results, 0
        self.asked, self.release = asyncio.Event(), asyncio.Event()
        self.release.set()

    async def __call__(self, neighbour: Neighbour) -> Result:
        self.count += 1
        self.asked.set()
        await self.release.wait()
        return self.results[neighbour.role]


async def test_callers_share_one_round(neighbour: Callable[..., Neighbour], good: Result) -> None:
    ask = Asked(redis=good)
    ask.release.clear()
    checks = Checks(lambda: [neighbour()], ask)
    callers = [asyncio.create_task(checks.verdict()) for _ in range(20)]
    await asyncio.sleep(0)
    callers[0].cancel()
    ask.release.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert ask.count == 1
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(not isinstance(one, BaseException) and one.healthy for one in results[1:])


async def test_who_comes_during_a_round_gets_the_next_one(
    neighbour: Callable[..., Neighbour], good: Result, bad: Result
) -> None:
    ask = Asked(redis=good)
    ask.release.clear()
    checks = Checks(lambda: [neighbour()], ask)
    before = asyncio.create_task(checks.verdict())
    await ask.asked.wait()
    after = [asyncio.create_task(checks.verdict()) for _ in range(20)]
    await asyncio.sleep(0)
    assert ask.count == 1, "one round at a time"
    ask.release.set()
    assert (await before).healthy
    ask.results["redis"] = bad
    assert not any(one.healthy for one in await asyncio.gather(*after))
    assert ask.count == 2


async def test_a_round_that_broke_is_not_the_last(neighbour: Callable[..., Neighbour]) -> None:
    async def ask(_: Neighbour) -> Result:
        raise RuntimeError

    checks = Checks(lambda: [neighbour()], ask)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await checks.verdict()


async def test_check_tells_the_datacenter_or_names_what_is_broken(
    neighbour: Callable[..., Neighbour],
    client_of: Callable[..., httpx.AsyncClient],
    good: Result,
    bad: Result,
) -> None:
    ask = Asked(redis=good, mysql=good)
    neighbours = [neighbour(), neighbour("mysql", "mysql", 3306)]
    checks = Checks(lambda: neighbours, ask)
    async with client_of(Starlette(routes=[route("vsm", "dc1", checks)])) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, "/vsm/check")
            assert (answer.status_code, answer.text) == (200, "dc1")
            assert answer.headers["content-type"] == "text/vnd.abiquo.datacenteruuid"
        ask.results["mysql"] = bad
        answer = await client.get("/vsm/check")
    assert answer.status_code == 503
    assert answer.text == ("mysql-1 (mysql, mysql 3306, connection 13): refused: connection refused\n"), (
        "the neighbour that works is not named"
    )


async def test_what_is_wrong_with_the_node_itself_comes_first(
    neighbour: Callable[..., Neighbour],
    client_of: Callable[..., httpx.AsyncClient],
    good: Result,
    bad: Result,
) -> None:
    ask, own = Asked(redis=good), [""]
    checks = Checks(lambda: [neighbour()], ask)

    async def look() -> str:
        return own[0]

    checks.add(look)
    async with client_of(Starlette(routes=[route("api", "platform", checks)])) as client:
        assert (await client.get("/api/check")).status_code == 200
        own[0] = "the database is of another version"
        answer = await client.get("/api/check")
        assert (answer.status_code, answer.text) == (503, "the database is of another version\n")
        ask.results["redis"] = bad
        answer = await client.get("/api/check")
    assert answer.text.splitlines()[0] == "the database is of another version"
    assert answer.text.splitlines()[1].startswith("redis-1 (redis, redis 6379, connection 13): refused")


async def test_a_neighbours_check_is_not_passed_on(
    neighbour: Callable[..., Neighbour],
    client_of: Callable[..., httpx.AsyncClient],
    good: Result,
) -> None:
    ask = Asked(redis=good)
    checks = Checks(lambda: [neighbour()], ask)
    shallow = {"Max-Forwards": "0"}
    async with client_of(Starlette(routes=[route("vsm", "dc1", checks)])) as client:
        assert (await client.get("/vsm/check", headers=shallow)).status_code == 503
        assert ask.count == 0
        await client.get("/vsm/check")
        assert (await client.get("/vsm/check", headers=shallow)).status_code == 200
    assert ask.count == 1
