"""`labgen drill`: which wires the arguments mean, what is printed, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from labgen.engine.cuts import Wire
from labgen.plan.model import LabPlan
from labgen.verify import drill_lab as module
from labgen.verify import faults_lab, lab
from labgen.verify.drill import Drill, Notice, Trial, wires_of
from labgen.verify.faults import Faults, Kind

if TYPE_CHECKING:
    from tests.unit.cli.program import Program


class Drilled:
    """What the drill was asked, and what came of it."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.window: float | None = 0.0
        self.within: float | None = 0.0
        self.fault = ""
        self.interrupted = False

    def __call__(
        self, _engine: object, _state: object, plan: LabPlan, wires: Sequence[Wire], **how: Any
    ) -> Drill:
        self.wires, self.window, self.within = list(wires), how["window"], how["within"]
        if self.interrupted:
            raise KeyboardInterrupt
        notices = (Notice("api-1", 2.5, "redis-1 is silent"),)
        trial = Trial(wires[0], "api-redis", ("13",), ("api-1",), notices, 1.0)
        return Drill(
            "small", "small", tuple(plan.node_by_name), self.window or 6.0, 9.0, (trial,), self.fault, 31
        )


@pytest.fixture
def drilled(monkeypatch: pytest.MonkeyPatch) -> Drilled:
    found = Drilled()
    monkeypatch.setattr(module, "drill_lab", found)
    return found


def test_every_wire(running: Program, drilled: Drilled, small_plan: LabPlan) -> None:
    ran = running("drill")
    assert ran.code == 0
    assert drilled.wires == wires_of(small_plan)
    assert drilled.window is None
    assert [line.split("  ")[0] for line in ran.out.splitlines()] == [
        "WIRE",
        f"{drilled.wires[0].one} - {drilled.wires[0].other}",
    ]
    assert "api-1 after 2.5 s" in ran.out
    assert ran.err == (
        "lab 'small': 1 wire cut and healed in 9 s; somebody noticed 1, nobody 0; everybody is well again; "
        "31 writes accepted meanwhile, none of them lost\n"
    )


def test_one_wire_as_a_document(running: Program, drilled: Drilled) -> None:
    ran = running("drill", "redis-1", "api-1", "--lab", "small", "--window", "2.5", "--format", "json")
    assert ran.code == 0
    assert drilled.wires == [Wire("api-1", "redis-1")]
    assert (ran.json["window"], ran.json["wires"][0]["noticed"][0]["node"]) == (2.5, "api-1")
    unsaid = drilled.within
    assert unsaid is None
    assert running("drill", LABGEN_DRILL_WINDOW="9", LABGEN_DRILL_WITHIN="90").code == 0
    assert (drilled.window, drilled.within) == (9.0, 90.0)


def test_a_page_too(running: Program, drilled: Drilled) -> None:
    ran = running("drill", "--html", "new/drill.html")
    assert ran.code == 0
    assert drilled.wires
    page = (running.folder / "new/drill.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "redis-1 is silent" in page
    (running.folder / "file").touch()
    refused = running("drill", "--html", "file/drill.html")
    assert (refused.code, "WIRE" in refused.out) == (1, True), "what was measured is not lost"
    assert refused.err.splitlines()[-2:] == [
        "labgen: file/drill.html: cannot be written: File exists",
        "  Name another file.",
    ]


@pytest.mark.parametrize("style", ["table", "json"])
def test_who_does_not_recover_is_a_failure(running: Program, drilled: Drilled, style: str) -> None:
    drilled.fault = "the wire api-1 - redis-1 was cut and healed, and m-1 is not well"
    ran = running("drill", "--format", style)
    assert ran.code == 1
    assert "redis-1 is silent" in ran.out or "api-1 after 2.5 s" in ran.out
    assert ran.err == (
        f"labgen: {drilled.fault}\n  `labgen status small` shows its nodes, `labgen up small` repairs it.\n"
    )


def test_an_interrupted_drill_says_that_nothing_stays_cut(running: Program, drilled: Drilled) -> None:
    drilled.interrupted = True
    ran = running("drill")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.splitlines()[0] == (
        "labgen: interrupted; what was cut is healed, and `labgen cut --lab small` shows it"
    )


def test_half_a_wire(running: Program, drilled: Drilled) -> None:
    running("drill", "api-1").refused(
        2,
        "labgen: a wire has two ends, and only api-1 is named",
        "  Name the other one too, or none of them for every wire.",
    )
    assert not drilled.wires


def test_no_such_wire(running: Program, drilled: Drilled) -> None:
    ran = running("drill", "redis-1", "mysql-1")
    assert ran.code == 2
    assert "no documented connection joins redis-1 and mysql-1" in ran.err
    assert (
        "lab 'small' has no node 'redis-2' (did you mean 'redis-1'?)"
        in running("drill", "redis-2", "api-1").err
    )
    assert not drilled.wires


def test_no_such_window(running: Program, drilled: Drilled) -> None:
    assert running("drill", "--window", "0.5").code == 2
    assert not drilled.wires


def test_servers_have_as_long_as_the_user_says(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any, Any]] = []

    def hit(
        _engine: object, plan: LabPlan, _secrets: object, groups: object, kind: object, **how: Any
    ) -> Faults:
        asked.append((groups, kind, how["within"]))
        return Faults(plan.name, plan.size, (), 1.0)

    monkeypatch.setattr(faults_lab, "hit_lab", hit)
    monkeypatch.setattr(lab, "lab_secrets", lambda _state: {})
    assert running("drill", "m-1", "--kind", "kill", "--within", "300").code == 0
    assert running("drill", "m-1", "--kind", "stop").code == 0
    assert asked == [([("m-1",)], Kind.KILL, 300.0), ([("m-1",)], Kind.STOP, None)]
