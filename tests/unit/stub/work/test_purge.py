"""What is over and old is forgotten, and nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from labgen_stub.links.errors import Unavailable
from labgen_stub.webapps.api.work import answers, purge, starting
from labgen_stub.webapps.api.work.purge import HOUR_MS, Purge

from tests.unit.stub.work.kinton import ADMIN, Kinton, answer_to

pytestmark = pytest.mark.anyio
NOW = 1000 * HOUR_MS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of everything that is written down, in ms: the list's only number."""
    at = [0]
    for module in ("tasks", "jobs", "happenings"):
        monkeypatch.setattr(f"labgen_stub.webapps.api.work.{module}.now", lambda: at[0])
    return at


async def deployed(kinton: Kinton, **result: Any) -> str:
    """Deploy a machine, with an answer; return the task."""
    number = kinton.vm()
    task = await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))
    answer = answer_to(kinton.last(), host="kvm-1", **result)
    await kinton.transact(lambda session: answers.take(session, answer))
    return task


def left(kinton: Kinton, table: str) -> int:
    return int(kinton.sql(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])  # noqa: S608


async def test_what_ended_before_is_forgotten_with_its_jobs(kinton: Kinton, clock: list[int]) -> None:
    kinton.host()
    clock[0] = NOW - 5 * HOUR_MS
    await deployed(kinton)
    clock[0] = NOW - 3 * HOUR_MS
    young = await deployed(kinton)
    assert (left(kinton, "task"), left(kinton, "job"), left(kinton, "event")) == (2, 2, 4)
    waiting = left(kinton, "outbox")
    await Purge(kinton, 4).forget(NOW)
    assert [row["id"] for row in kinton.sql("SELECT id FROM task")] == [young]
    assert [row["task_id"] for row in kinton.sql("SELECT task_id FROM job")] == [young]
    assert {row["timestamp"] for row in kinton.sql("SELECT timestamp FROM event")} == {clock[0]}
    assert left(kinton, "outbox") == waiting, "what is on its way stays there"
    assert left(kinton, "kinton_accounting.accounting_event_vm") == 2


async def test_what_goes_on_stays_however_old(kinton: Kinton, clock: list[int]) -> None:
    kinton.host()
    clock[0] = NOW - 900 * HOUR_MS
    number = kinton.vm()
    await kinton.transact(lambda session: starting.deploy(session, number, ADMIN))
    # The first deploy's task has ended, but the conversion that it began goes on: others wait for it.
    first = kinton.vm(template=2)
    ended = await kinton.transact(lambda session: starting.deploy(session, first, ADMIN))
    kinton.sql("UPDATE task SET state = 'FINISHED_UNSUCCESSFULLY', ended = ? WHERE id = ?", clock[0], ended)
    await Purge(kinton, 1).forget(NOW)
    assert (left(kinton, "task"), left(kinton, "job"), left(kinton, "event")) == (2, 3, 0)


async def test_it_goes_on_until_nothing_is_left_and_over_an_absence(
    kinton: Kinton, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    pauses = list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 1:
            raise asyncio.CancelledError
        assert left(kinton, "task") == 5, "MySQL was away"
        kinton.broken = False

    monkeypatch.setattr("labgen_stub.webapps.api.work.purge.asyncio.sleep", pause)
    kinton.host()
    for _ in range(5):
        await deployed(kinton)
    assert clock == [0]
    kinton.broken = True
    with pytest.raises(Unavailable):
        await Purge(kinton, 1).forget(NOW)
    with suppress(asyncio.CancelledError):
        await Purge(kinton, 1).run()
    assert (left(kinton, "task"), left(kinton, "job"), left(kinton, "event")) == (0, 0, 0)
