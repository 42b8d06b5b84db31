"""A lab is verified by the plan that is remembered, which is read while its probes look around."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from labgen.engine import plans
from labgen.engine.state import LabState
from labgen.verify import lab, running
from labgen.verify.running import verify_running

if TYPE_CHECKING:
    from labgen.engine.client import Engine

STATE = LabState("small", Path("/no/such/folder"))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in its order."""
    done: list[str] = []

    class Looks(AbstractContextManager["Looks"]):
        def __init__(self, _engine: object, places: str) -> None:
            done.append(places)

        def __exit__(self, *_: object) -> None:
            done.append("ended")

        def begin_inside(self) -> None:
            done.append("begun")

    monkeypatch.setattr(running, "Looks", Looks)
    monkeypatch.setattr(running, "find_places", lambda *_: "found")
    monkeypatch.setattr(plans, "plan_of_lab", lambda _: done.append("plan"))
    monkeypatch.setattr(lab, "verify_with", lambda *rest: done.append(f"verified {rest[-1]}".strip()))
    return done


def test_probes_are_on_their_way_before_the_plan_is_read(done: list[str]) -> None:
    verify_running(cast("Engine", None), STATE)
    assert done == ["found", "begun", "plan", "verified", "ended"]


def test_for_some_pairs_it_is_not_known_yet_whom_to_ask(done: list[str]) -> None:
    verify_running(cast("Engine", None), STATE, "api-1")
    assert done == ["found", "plan", "verified api-1", "ended"]
