"""An API is well once its datacenters' machines were looked for, and not later than it says."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.work import answers, discovery
from labgen_stub.webapps.api.work.first_look import BOUND, FirstLook
from labgen_stub.webapps.api.work.watchdog import Watchdog

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

pytestmark = pytest.mark.anyio
UNSEEN = "the machines of dc1 have not been looked for yet"


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def seeded() -> asyncio.Event:
    found = asyncio.Event()
    found.set()
    return found


@pytest.fixture
def look(kinton: Kinton, seeded: asyncio.Event, clock: list[float]) -> FirstLook:
    return FirstLook(kinton, seeded, lambda: True, lambda: clock[0])


async def test_until_the_sites_are_written_down(look: FirstLook, seeded: asyncio.Event) -> None:
    seeded.clear()
    assert await look.fault() == "the sites are not written down yet"


async def test_until_machines_are_known(look: FirstLook, kinton: Kinton) -> None:
    assert await look.fault() == UNSEEN
    kinton.host()
    assert await look.fault() == ""
    kinton.sql("DELETE FROM machine")
    assert await look.fault() == "", "once is enough"


async def test_until_the_look_ended_even_badly(look: FirstLook, kinton: Kinton) -> None:
    await kinton.transact(lambda session: discovery.discover(session, 1, ADMIN))
    assert await look.fault() == UNSEEN
    answer = answer_to(kinton.last(), error="the host is away")
    await kinton.transact(lambda session: answers.take(session, answer))
    assert await look.fault() == ""


async def test_no_longer_than_its_bound(look: FirstLook, clock: list[float]) -> None:
    assert await look.fault() == UNSEEN
    clock[0] = BOUND
    assert await look.fault() == UNSEEN
    clock[0] = BOUND + 0.1
    assert await look.fault() == ""


async def test_who_does_not_lead_has_nothing_to_say(kinton: Kinton) -> None:
    assert await FirstLook(kinton, asyncio.Event(), lambda: False).fault() == ""


async def test_a_database_that_is_away_is_told_by_who_looks_at_it(
    look: FirstLook, kinton: Kinton, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("MySQL: gone")

    monkeypatch.setattr(kinton, "all", away)
    assert await look.fault() == ""


async def test_the_first_look_is_made_as_soon_as_there_is_something(
    kinton: Kinton, seeded: asyncio.Event
) -> None:
    seeded.clear()
    looked = asyncio.Event()
    work = asyncio.ensure_future(Watchdog(kinton, looked.set, seeded).run())
    await asyncio.sleep(0)
    assert not kinton.requests()
    seeded.set()
    async with asyncio.timeout(2):
        await looked.wait()
    assert [queue for queue, _ in kinton.requests()] == ["abiquo.nars.requests.dc1"]
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
