"""`labgen smoke`: what is printed, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labgen.engine.state import lab_state
from labgen.smoke import run as module
from labgen.smoke.model import Crossing, Fault, Journey, Load, Step, StepFailed, Trip

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan
    from tests.unit.cli.program import Program

STEP = Step("deploy", "dc1", "deploy it", 2100.0, "ON", (Crossing("api-1", "mysql-1:3306", "9", 3.2),))
WHOLE = Trip("load-1", "dc1", 900.0, 1900.0)
BROKEN = Trip("load-2", "dc1", None, None, "the share does not answer", "dc1-nfs-1")


@pytest.fixture
def running(running: Program) -> Program:
    """The lab also has what a user of it needs."""
    folder = lab_state("small").folder
    for name in ("secrets", "tls"):
        (folder / name).mkdir()
    (folder / "secrets" / "api_admin_password").write_text("pw")
    (folder / "tls" / "ca.crt").write_text("ca")
    return running


def journeys(monkeypatch: pytest.MonkeyPatch, fault: Fault | None = None) -> dict[str, Any]:
    asked: dict[str, Any] = {}

    def smoke_lab(_: object, plan: LabPlan, secrets: dict[str, str], **how: Any) -> Journey:
        asked.update(how, secrets=secrets)
        how["tell"](STEP)
        return Journey(plan.name, (STEP,), fault)

    monkeypatch.setattr(module, "smoke_lab", smoke_lab)
    return asked


def test_the_journey(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = journeys(monkeypatch)
    ran = running("smoke")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "STEP       SITE  TIME    SEEN  WIRES CROSSED",
        "deploy it  dc1   2.10 s  ON    api-1 > mysql-1:3306 (9) 3 ms",
    ]
    assert ran.err.splitlines() == [
        "  2.10s dc1: deploy it: ON",
        "lab 'small': 1 steps over 1 wires in 2.10 s; nothing is left of them",
    ]
    assert (asked["seconds"], asked["secrets"]) == (60.0, {"api_admin_password": "pw", "ca": "ca"})


def test_as_a_document(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    journeys(monkeypatch, Fault("event", "dc1", "no event", ("m-1",)))
    ran = running("smoke", "--format", "json", "--seconds", "5")
    assert ran.code == 1
    assert (ran.json["passed"], ran.json["fault"]["servers"]) == (False, ["m-1"])
    assert ran.json["steps"][0]["crossed"][0] == {
        "source": "api-1",
        "destination": "mysql-1:3306",
        "row": "9",
        "ms": 3.2,
    }


def test_the_step_and_the_server_at_fault(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    journeys(monkeypatch, Fault("event", "dc1", "no event within 60 s", ("m-1", "ui-1")))
    ran = running("smoke")
    assert ran.code == 1
    assert ran.err.splitlines()[-2:] == [
        "labgen: step 'event' at dc1 failed: no event within 60 s, at fault: m-1, ui-1",
        "  `labgen status small` shows its nodes, `labgen logs` what they say.",
    ]


def loads(monkeypatch: pytest.MonkeyPatch, *trips: Trip, left: tuple[str, ...] = ()) -> None:
    def load_lab(plan: LabPlan, _: object, **how: Any) -> Load:
        for trip in trips:
            how["tell"](trip)
        return Load(plan.name, how["concurrency"], trips, left, (10.0, 20.0), 4.0)

    monkeypatch.setattr(module, "load_lab", load_lab)


def test_a_load(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    loads(monkeypatch, WHOLE)
    ran = running("smoke", "--load", "1", "--concurrency", "3")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "lab 'small': 1 of 1 machines seen running and undeployed again, 3 at a time, in 4.0 s; "
        "none left behind; 2 GETs, half within 20 ms, 99 of 100 within 20 ms\n"
    )


def test_a_load_that_lost_one(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    loads(monkeypatch, WHOLE, BROKEN, left=("load-2",))
    ran = running("smoke", "--load", "2", "--format", "json")
    assert ran.code == 1
    assert (ran.json["failed"], ran.json["left"]) == (1, ["load-2"])
    assert ran.err.splitlines()[0] == "load-2 at dc1: the share does not answer (dc1-nfs-1)"
    assert ran.err.splitlines()[1].startswith("labgen: lab 'small': 1 of 2 machines seen running")


def test_a_load_that_cannot_begin(running: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_lab(*_: Any, **__: Any) -> Load:
        raise StepFailed("GET /api/r: 503", "mysql-1")

    monkeypatch.setattr(module, "load_lab", load_lab)
    running("smoke", "--load", "2").refused(
        1,
        "labgen: lab 'small': no machine can be deployed: GET /api/r: 503, at fault: mysql-1",
        "  `labgen smoke small` shows which step fails.",
    )
