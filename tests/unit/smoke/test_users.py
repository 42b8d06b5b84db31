"""Users note every request, and afterwards look for each write that was accepted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from labgen.errors import LabgenError
from labgen.smoke import users as module
from labgen.smoke.users import READ, WRITE, Users
from tests.unit.smoke.platform import ADDRESS, Fake


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def users_of(fake: Fake) -> Users:
    return Users(ADDRESS, "dc1", lambda _: fake.platform())


def test_both_go_on_and_leave_nothing() -> None:
    fake = Fake()
    with users_of(fake) as users:
        until(lambda: users.accepted >= 2 and {one.kind for one in users.since(0)} == {READ, WRITE})
        attempts = users.since(0)
    assert not [one for one in attempts if one.error]
    assert all(one.began <= one.ended for one in attempts)
    assert users.since(attempts[-1].ended + 60) == []
    assert (users.lost, users.unknown) == ((), "")
    assert fake.things == {}


def test_in_a_lab_without_sites_they_write_scopes() -> None:
    fake = Fake(sites=())
    with Users(ADDRESS, None, lambda _: fake.platform()) as users:
        until(lambda: users.accepted >= 2 and {one.kind for one in users.since(0)} == {READ, WRITE})
        assert {where.split("/")[1] for where in fake.things} == {"scopes"}
    assert not [one for one in users.since(0) if one.error]
    assert (users.lost, users.unknown) == ((), "")
    assert fake.things == {}


def test_what_cannot_be_looked_for_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.3)
    fake = Fake()
    with users_of(fake) as users:
        until(lambda: users.accepted >= 1)
        fake.refused["GET"] = 503
    assert users.lost == ()
    assert users.unknown.endswith("/virtualappliances: 503 refused on purpose (503-X)")


def test_a_write_that_is_gone_is_lost() -> None:
    fake = Fake()
    with users_of(fake) as users:
        until(lambda: users.accepted >= 2)
        gone = next(where for where, one in fake.things.items() if str(one.get("name", "")).count("-") == 2)
        name = fake.things.pop(gone)["name"]
    assert users.lost == (name,)


def test_who_looks_for_what_was_written_asks_again() -> None:
    fake = Fake()
    with users_of(fake) as users:
        until(lambda: users.accepted >= 1)
        fake.refused["GET"] = 503
        asked = len(fake.asked)
        threading.Timer(1.0, fake.refused.clear).start()
    assert len(fake.asked) > asked
    assert (users.lost, users.unknown) == ((), "")


def test_what_is_refused_is_noted_and_was_not_accepted() -> None:
    fake = Fake()
    with users_of(fake) as users:
        until(lambda: users.accepted >= 1)
        fake.refused["POST"] = 503
        until(lambda: any(one.error for one in users.since(0)))
        accepted = users.accepted
        fake.refused.clear()
    (said,) = {one.error for one in users.since(0) if one.error}
    assert said.endswith(": 503 refused on purpose (503-X)")
    assert accepted >= 1
    assert users.lost == ()


def test_nobody_can_begin() -> None:
    fake = Fake(refused={"GET /api/login": 401})
    with (
        pytest.raises(LabgenError, match="no user can begin: GET /api/login: 401 refused on purpose"),
        users_of(fake),
    ):
        pass
