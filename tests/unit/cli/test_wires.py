"""`labgen cut` and `labgen heal`: which wires the arguments mean, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.engine import cuts
from labgen.engine.cuts import cut_wires
from labgen.engine.state import lab_state
from labgen.plan.spec import LabSpec

if TYPE_CHECKING:
    from tests.unit.cli.program import Program


@pytest.fixture
def running(labgen: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    plan = labgen.runs()
    state = lab_state("small")
    for node in plan.node_by_name:
        (state.folder / "nodes" / node / "cuts").mkdir(parents=True)
    state.remember(LabSpec(), plan)
    monkeypatch.setattr(cuts, "load_rules", lambda *_: None)
    return labgen


def wires() -> list[tuple[str, str]]:
    return [(one.one, one.other) for one in cut_wires(lab_state("small"))]


def test_one_wire(running: Program) -> None:
    ran = running("cut", "mysql-1", "api-1", "--format", "json")
    assert ran.code == 0
    assert ran.json == [{"one": "api-1", "other": "mysql-1", "link": "api-mysql", "connections": ["9"]}]
    assert ran.err == "lab 'small': 1 wire cut; `labgen heal` plugs everything in again\n"
    again = running("cut", "api-1", "mysql-1")
    assert again.err == (
        "lab 'small': 0 wires cut (1 cut already); `labgen heal` plugs everything in again\n"
    )
    rows = {row["node"]: row["cut"] for row in running("status", "--format", "json").json if row["cut"]}
    assert rows == {"api-1": ["mysql-1"], "mysql-1": ["api-1"]}
    assert "CUT FROM" in running("status").out
    healed = running("heal", "mysql-1", "api-1")
    assert (healed.code, healed.err) == (0, "lab 'small': 1 wire healed\n")
    assert wires() == []
    assert "CUT FROM" not in running("status").out


def test_all_of_a_node(running: Program) -> None:
    running("cut", "--all-to", "mysql-1")
    assert wires() == [("api-1", "mysql-1"), ("m-1", "mysql-1")]
    running("cut", "--all-from", "pcr1-prs-1")
    assert {other for one, other in wires() if one == "pcr1-prs-1"} == {"pcr1-redis-1", "pcr1-cloud-1"}
    assert running("heal", "--all-to", "mysql-1").err == "lab 'small': 2 wires healed\n"
    assert running("heal").err == "lab 'small': 3 wires healed\n"
    assert running("heal").err == "lab 'small': no such wire is cut\n"


def test_a_list_of_none(running: Program) -> None:
    ran = running("cut")
    assert (ran.code, ran.out, ran.err) == (0, "", "lab 'small': no wire is cut\n")
    assert running("cut", "--format", "json").json == []


@pytest.mark.parametrize("command", ["cut", "heal"])
def test_what_is_no_wire(running: Program, command: str) -> None:
    running(command, "mysql-1", "ui-1").refused(
        2,
        "labgen: no documented connection joins mysql-1 and ui-1: there is no wire to cut",
        "  mysql-1 is joined with: api-1, m-1",
    )
    running(command, "api-1").refused(
        2,
        "labgen: a wire has two ends, and only api-1 is named",
        "  Name the other one, or take all of them: --all-from api-1, --all-to api-1.",
    )
    running(command, "api-2", "mysql-1").refused(
        2,
        "labgen: lab 'small' has no node 'api-2' (did you mean 'api-1'?)",
        "  `labgen status` lists them.",
    )
    running(command, "--all-from", "mysql-1").refused(
        2, "labgen: no document has such a connection of mysql-1: nothing to cut"
    )
    assert wires() == []
