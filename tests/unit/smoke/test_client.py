"""The client: what it makes of answers, pages and tasks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from labgen.smoke.client import Platform, href
from labgen.smoke.model import StepFailed

from .platform import ADDRESS, BASE, link

pytestmark = pytest.mark.anyio


def answering(*answers: httpx.Response) -> Platform:
    rest = list(answers)
    return Platform(ADDRESS, httpx.MockTransport(lambda _: rest.pop(0)))


async def test_the_password_is_exchanged_for_a_token() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"].split()[0])
        return httpx.Response(200, json={"nick": "admin"}, headers={"X-Abiquo-Token": "abc"})

    async with Platform(ADDRESS, httpx.MockTransport(answer)) as platform:
        assert await platform.login() == {"nick": "admin"}
        await platform.get("/api/login")
        assert platform.authorization == {"Authorization": "Token abc"}
        assert len(platform.answers) == 1
    assert seen == ["Basic", "Token"]


async def test_a_login_without_a_token_is_a_fault() -> None:
    async with answering(httpx.Response(200, json={})) as platform:
        with pytest.raises(StepFailed, match="the answer to the login has no X-Abiquo-Token"):
            await platform.login()


async def test_every_page_is_read() -> None:
    first = {"collection": [{"id": 1}], "links": [link("next", "/things?startwith=1")]}
    last = {"collection": [{"id": 2}], "links": [link("first", "/things")]}
    async with answering(httpx.Response(200, json=first), httpx.Response(200, json=last)) as platform:
        assert [one["id"] async for one in platform.every("/api/things")] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(409, json={"collection": [{"code": "VM-1", "message": "It is locked"}]}),
            "GET /api/x: 409 It is locked (VM-1)",
        ),
        (httpx.Response(503, text="<html>"), "GET /api/x: 503 Service Unavailable"),
        (httpx.Response(200, text="hello"), "GET /api/x: the answer is no JSON document"),
        (httpx.Response(200, json=[1]), "GET /api/x: the answer is no JSON document"),
    ],
)
async def test_what_the_platform_says_is_told(answer: httpx.Response, message: str) -> None:
    async with answering(answer) as platform:
        with pytest.raises(StepFailed) as failed:
            await platform.get("/api/x")
    assert failed.value.message == message


async def test_nobody_there() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with Platform(ADDRESS, httpx.MockTransport(refuse)) as platform:
        with pytest.raises(StepFailed) as failed:
            await platform.delete(f"{BASE}/api/x")
    assert failed.value.message == f"DELETE /api/x: refused at {BASE}"


def test_a_missing_link_is_told_with_those_there_are() -> None:
    with pytest.raises(StepFailed, match="the answer has no link 'c'; it has a, b"):
        href({"links": [link("b", "/b"), link("a", "/a")]}, "c")


async def test_a_task_that_fails_names_the_server() -> None:
    task: dict[str, Any] = {"state": "FINISHED_UNSUCCESSFULLY", "error": "no room", "fault": "dc1-nfs-1"}
    async with answering(httpx.Response(200, json=task)) as platform:
        with pytest.raises(StepFailed) as failed:
            await platform.finished({"links": [link("status", "/t")]}, 5)
    assert (failed.value.message, failed.value.fault) == ("no room", "dc1-nfs-1")


async def test_a_task_that_never_ends() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"taskId": "abc", "state": "STARTED"})

    async with Platform(ADDRESS, httpx.MockTransport(answer)) as platform:
        with pytest.raises(StepFailed, match=r"task abc is STARTED after 0\.2 s"):
            await platform.finished({"links": [link("status", "/t")]}, 0.2)
