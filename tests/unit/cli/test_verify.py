"""`labgen verify`: what it prints, writes, and ends with. What it measures is told by a stand-in."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState, lab_state
from labgen.errors import InvalidInput
from labgen.plan.spec import LabSpec
from labgen.verify import running
from labgen.verify.lab import wanted_pairs
from labgen.verify.table import Difference, Kind, TruthTable
from tests.unit.plan.specs import plan_of
from tests.unit.verify.healthy import Lab

if TYPE_CHECKING:
    from tests.unit.cli.program import Program


class Measured:
    """Stands in for the measurement: the tables it gives, one after the other, and what was asked for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.asked: list[str] = []
        self.then: list[TruthTable] = []

    def __call__(self, _engine: object, state: LabState, only: str, _emit: object) -> TruthTable:
        plan_of_lab(state)
        self.asked.append(only)
        if self.then:
            return self.then.pop(0)
        if len(self.asked) > 3:
            raise KeyboardInterrupt
        return self.lab.table(only=only)


@pytest.fixture
def measured(labgen: Program, monkeypatch: pytest.MonkeyPatch) -> Measured:
    plan = labgen.runs()
    state = lab_state("small")
    state.folder.mkdir(parents=True)
    state.remember(LabSpec(), plan)
    stand_in = Measured(Lab(plan))
    monkeypatch.setattr(running, "verify_running", stand_in)
    return stand_in


def broken(measured: Measured, outcome: str) -> None:
    found = {"outcome": outcome, "evidence": "said so"}
    measured.lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = found


def test_a_lab_as_documented(labgen: Program, measured: Measured) -> None:
    ran = labgen("verify")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.rstrip().endswith("0 differences, 1.5 s")
    assert "52 documented connections spoken" in ran.out
    assert measured.asked == [""]


def test_a_difference_is_exit_code_5_and_comes_first(labgen: Program, measured: Measured) -> None:
    broken(measured, "refused")
    ran = labgen("verify", "small")
    assert ran.code == 5
    assert ran.out.startswith("1 difference\n")
    assert ran.out.index("api-1 -> mysql-1") < ran.out.index("rows reach columns")
    assert ran.err.splitlines() == [
        "labgen: lab 'small' is not as documented: 1 difference",
        "  `labgen up small` repairs nodes; docs/verify.md says what each kind means.",
    ]


def test_a_broken_probe_is_no_difference_and_no_success(labgen: Program, measured: Measured) -> None:
    broken(measured, "failed")
    ran = labgen("verify")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "labgen: lab 'small' could not be verified: probes broke, so nothing is known",
        "  `labgen doctor` says whether the engine is well; `labgen verify` asks again.",
    ]


def test_json(labgen: Program, measured: Measured) -> None:
    broken(measured, "garbled")
    ran = labgen("verify", "--format", "json", "--only", "api-1:mysql-1")
    assert ran.code == 5
    assert ran.json["differences"][0]["connection"] == "9"
    assert ran.json["only"] == "api-1:mysql-1"
    assert measured.asked == ["api-1:mysql-1"]


def test_reports_beside_it(labgen: Program, measured: Measured) -> None:
    broken(measured, "refused")
    ran = labgen("verify", "--junit", "lab.xml", "--html", "lab.html")
    assert ran.code == 5
    assert len(list(ET.parse(labgen.folder / "lab.xml").iter("failure"))) == 1  # noqa: S314 - our own
    assert "refused" in (labgen.folder / "lab.html").read_text()


def test_a_report_that_cannot_be_written(labgen: Program, measured: Measured) -> None:
    (labgen.folder / "file").write_text("")
    ran = labgen("verify", "--html", "file/lab.html")
    assert ran.code == 1
    assert ran.err.startswith("labgen: file/lab.html: cannot be written: ")
    assert "52 documented connections spoken" in ran.out, "what was measured is not lost with the file"
    assert measured.asked == [""]


def test_again_and_again(labgen: Program, measured: Measured) -> None:
    ran = labgen("verify", "--watch", "0.1")
    assert ran.code == 130
    assert len(measured.asked) == 4
    assert ran.out.count("0 differences") == 3
    assert "again in 0.1 s" in ran.err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_a_pause_that_is_none(labgen: Program, measured: Measured, seconds: str) -> None:
    assert labgen("verify", "--watch", seconds).code == 2
    assert measured.asked == []


def test_a_terminal_that_knows_no_unicode(labgen: Program, measured: Measured) -> None:
    ran = labgen("verify", "--format", "json")
    assert json.dumps(ran.json).isascii()
    assert measured.asked


def test_a_lab_whose_plan_is_forgotten(labgen: Program, measured: Measured) -> None:
    (lab_state("small").folder / "lab.json").unlink()
    ran = labgen("verify")
    assert ran.code == 1
    assert ran.err.startswith("labgen: the plan of lab 'small' is not known: ")
    assert "`labgen up small`" in ran.err
    assert measured.asked == []


@pytest.mark.parametrize(
    ("only", "yes", "no"),
    [
        ("", [("ui-1", "api-1"), ("host", "ui-1")], []),
        ("api", [("api-1", "ui-1"), ("ui-1", "api-1")], [("ui-1", "m-1")]),
        ("api:", [("api-1", "ui-1")], [("ui-1", "api-1")]),
        (":api-1", [("ui-1", "api-1")], [("api-1", "ui-1")]),
        ("dc1:platform", [("dc1-rs-1", "api-1")], [("api-1", "dc1-rs-1"), ("dc1-rs-1", "dc1-nfs-1")]),
        ("host:frontend", [("host", "frontend-1")], [("host", "ui-1")]),
    ],
)
def test_only(only: str, yes: list[tuple[str, str]], no: list[tuple[str, str]]) -> None:
    wanted = wanted_pairs(plan_of(LabSpec()), only)
    assert all(wanted(*pair) for pair in yes)
    assert not any(wanted(*pair) for pair in no)


def test_only_somebody_who_is_not_there() -> None:
    with pytest.raises(InvalidInput) as caught:
        wanted_pairs(plan_of(LabSpec()), "appi:mysql")
    assert caught.value.message == (
        "--only: lab 'lab' has no node, role or site 'appi' (did you mean 'api'?)"
    )


@pytest.mark.parametrize(("only", "node"), [("api:api-1", "api-1"), ("host:host", "host")])
def test_only_a_node_and_itself(only: str, node: str) -> None:
    """Nothing would be asked, and a lab of which nothing was asked must not pass."""
    with pytest.raises(InvalidInput) as caught:
        wanted_pairs(plan_of(LabSpec()), only)
    assert caught.value.message == (
        f"--only: '{only}' is no pair: both ends are {node}, and a node is asked of others"
    )


def test_only_nodes_of_one_role() -> None:
    wanted = wanted_pairs(plan_of(LabSpec(counts={"api": 2})), "api:api")
    assert wanted("api-1", "api-2")
    assert wanted("api-2", "api-1")


def test_a_difference_is_one_of_a_known_kind() -> None:
    """Every kind is described on the page about them."""
    from labgen.assets import images_dir

    page = (images_dir().parent / "docs" / "verify.md").read_text()
    assert {kind for kind in Kind if f"| `{kind}` |" not in page} == set()
    assert Difference(Kind.PORT, "a", "b", "q", "e", "f").connection == ""
