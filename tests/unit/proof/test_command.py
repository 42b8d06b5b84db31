"""`labgen plan --prove`: one sentence or every difference, for people and for programs; no engine needed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from labgen.cli.main import main
from labgen.plan.model import LabPlan, Node
from labgen.render import lab as lab_module
from labgen.render.firewall import firewall_of
from tests.unit.proof.labs import rules

#: What programs rely on: a key that goes or is renamed breaks them.
KEYS = {
    *("lab", "size", "proved", "statement", "firewall", "nodes", "pairs", "networks", "rows"),
    *("connections", "differences"),
}
HINT = "The files that labgen would write are not what the documents say."
DIFFERENCE = {"kind", "source", "destination", "connection", "ports", "pairs", "where", "text"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an engine, and an environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("LABGEN_", "DOCKER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine")
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


class Run:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[object, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["labgen", "plan", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return ended.value.code or 0, out, err


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that forgets the rules of row 9."""

    def forgetful(plan: LabPlan, node: Node) -> str:
        return "".join(one for one in firewall_of(plan, node).splitlines(keepends=True) if '"9"' not in one)

    monkeypatch.setattr(lab_module, "firewall_of", forgetful)


def test_one_sentence(run: Run) -> None:
    said = (
        "proved: 21 nodes, 420 ordered pairs, 65,535 ports each: exactly the 49 documented rows "
        "(49 connections) pass, nothing else\n"
    )
    assert run("--prove") == (0, said, "")


def test_of_the_lab_that_is_asked_for(run: Run) -> None:
    code, out, err = run("mine", "--prove", "--set", "rs=2", "--set", "firewall=false", "--format", "json")
    found = json.loads(out)
    assert (code, err, set(found)) == (0, "", KEYS)
    assert (found["lab"], found["nodes"], found["firewall"], found["proved"]) == ("mine", 22, False, True)
    assert found["differences"] == []


def test_the_environment_asks_for_it_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABGEN_PLAN_PROVE", "1")
    code, out, _ = run()
    assert (code, out.startswith("proved: ")) == (0, True)


@pytest.mark.usefixtures("faulty")
def test_every_difference_and_exit_code_5(run: Run) -> None:
    assert run("--prove") == (
        5,
        f"missing: api-1 -> mysql-1, row 9, 3306/tcp, does not pass: {rules('api-1')} does not let it out\n",
        f"labgen: not proved: 1 difference in 21 nodes\n  {HINT}\n",
    )


@pytest.mark.usefixtures("faulty")
def test_every_difference_for_programs(run: Run) -> None:
    code, out, err = run("--prove", "--set", "api=2", "--format", "json")
    found = json.loads(out)
    assert (code, set(found), found["proved"]) == (5, KEYS, False)
    assert err.startswith("labgen: not proved: 1 difference in 22 nodes\n")
    (difference,) = found["differences"]
    assert set(difference) == DIFFERENCE
    assert [difference[key] for key in ("kind", "source", "destination", "connection", "ports", "pairs")] == [
        *("missing", "api-1", "mysql-1", "9", "3306/tcp", 2),
    ]


def test_a_lab_that_cannot_be_is_refused_as_ever(run: Run) -> None:
    code, out, err = run("--prove", "--set", "api=many")
    assert (code, out) == (2, "")
    assert "counts.api" in err
