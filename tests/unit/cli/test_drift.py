"""`labgen drift`: what is printed, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.engine import drift as outside
from labgen.engine.drift_model import Drift, DriftKind
from labgen.verify import glance as inside
from labgen.verify.table import Difference, Kind

if TYPE_CHECKING:
    from tests.unit.cli.program import Program

STOPPED = Drift(DriftKind.CONTAINER, "api-1", "running", "stopped", "`labgen up` starts it")
FILE = Drift(DriftKind.FILE, "nodes/ui-1/node.json", "line 1: {", "[", "`labgen up` writes it anew")
ATTACHED = Drift(
    DriftKind.ATTACHMENT, "ui-1", "not on network x", "it is on it as 172.18.0.2", "`disconnect`", up=False
)
SEEN = Difference(Kind.NETWORK, "ui-1", "", "address 172.18.0.2", "none", "there")
BROKEN = Difference(Kind.PROBE, "m-1", "", "everything", "an answer", "the probe broke", "", "no image")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Drift], list[Difference]]:
    """What the engine says, and what is seen inside."""
    drifts: list[Drift] = []
    differences: list[Difference] = []
    monkeypatch.setattr(outside, "find_drift", lambda *_: list(drifts))
    monkeypatch.setattr(inside, "glance", lambda *_: list(differences))
    return drifts, differences


def test_nothing_differs(running: Program, found: object) -> None:
    assert found
    ran = running("drift")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "lab 'small' is as planned: its containers, networks and files, and every node from inside\n"
    )
    assert running("drift", "--format", "json").json == {"lab": "small", "equal": True, "drifts": []}


def test_what_differs_is_listed(running: Program, found: tuple[list[Drift], list[Difference]]) -> None:
    found[0].extend([STOPPED, FILE, ATTACHED])
    found[1].append(SEEN)
    ran = running("drift", "small")
    assert ran.code == 5
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["KIND", "WHERE"],
        ["container", "api-1"],
        ["attachment", "ui-1"],
        ["file", "nodes/ui-1/node.json"],
    ]
    assert ran.err == (
        "labgen: lab 'small' is not as planned: 3 things, of which `labgen up small` mends 2\n"
        "  The last column says what mends each.\n"
    )


def test_as_a_document(running: Program, found: tuple[list[Drift], list[Difference]]) -> None:
    found[0].append(STOPPED)
    ran = running("drift", "--format", "json")
    assert ran.code == 5
    assert ran.json == {
        "lab": "small",
        "equal": False,
        "drifts": [
            {
                "kind": "container",
                "where": "api-1",
                "expected": "running",
                "found": "stopped",
                "repair": "`labgen up` starts it",
                "up": True,
            }
        ],
    }
    assert "not as planned: 1 thing, of which `labgen up small` mends 1" in ran.err


def test_what_cannot_be_seen_is_not_known_to_differ(
    running: Program, found: tuple[list[Drift], list[Difference]]
) -> None:
    found[1].append(BROKEN)
    ran = running("drift")
    assert ran.code == 1
    assert "no image" in ran.out
    assert ran.err.splitlines()[0] == (
        "labgen: lab 'small' could not be looked at from inside: 1 of its nodes says nothing"
    )
    found[0].append(STOPPED)
    assert running("drift").code == 5


def test_a_lab_whose_plan_is_not_known(labgen: Program) -> None:
    labgen.runs()
    ran = labgen("drift")
    assert ran.code == 1
    assert "the plan of lab 'small' is not known" in ran.err
