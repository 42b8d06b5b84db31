"""Commands for single nodes: which lab, which node, and what is handed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.program import Program
from tests.unit.engine.answering import make_client


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker client that notes its arguments and ends with code 7; where it notes them."""
    called = tmp_path / "called"
    make_client(tmp_path / "bin", more=f'printf "%s\\n" "$@" >{called}\nexit 7')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return called


@pytest.fixture
def lab(labgen: Program, client: Path) -> Program:
    assert not client.exists()
    labgen.runs()
    return labgen


@pytest.mark.parametrize(
    "command", ["logs x", "exec x id", "shell x", "stop x", "start x", "restart x", "status"]
)
def test_no_lab(labgen: Program, command: str) -> None:
    labgen(*command.split()).refused(2, "labgen: there is no lab", "  `labgen up` makes one.")


@pytest.mark.parametrize("command", ["logs", "exec", "shell", "stop", "start", "restart"])
def test_an_unknown_node(lab: Program, command: str) -> None:
    ran = lab(command, "ap-1", *(["id"] if command == "exec" else []))
    ran.refused(
        2, "labgen: lab 'small' has no node 'ap-1' (did you mean 'api-1'?)", "  `labgen status` lists them."
    )


@pytest.mark.parametrize("command", ["logs", "stop", "shell"])
def test_an_unknown_lab(lab: Program, command: str) -> None:
    lab(command, "--lab", "smal", "api-1").refused(
        2, "labgen: there is no lab 'smal' (did you mean 'small'?); there are: small"
    )


def test_one_of_several_labs(lab: Program, client: Path) -> None:
    lab.runs("other")
    lab("logs", "api-1").refused(
        2, "labgen: there are several labs: other, small", "  Name the one you mean."
    )
    assert lab("logs", "-l", "other", "api-1").code == 7
    assert "labgen-other" in client.read_text().split()


def test_exec_hands_everything_behind_the_node_on(lab: Program, client: Path) -> None:
    ran = lab("exec", "api-1", "ls", "-l", "--root", "-h", "--", "a b")
    assert (ran.code, ran.out, ran.err) == (7, "", "")
    called = client.read_text().splitlines()
    assert called[called.index("id-api-1") + 1 :] == ["ls", "-l", "--root", "-h", "--", "a b"]
    assert "900:900" in called


def test_exec_as_root(lab: Program, client: Path) -> None:
    lab("exec", "--root", "api-1", "id")
    assert "--user" not in client.read_text()


def test_shell(lab: Program, client: Path) -> None:
    assert lab("shell", "dc1-rs-1").code == 7
    assert client.read_text().splitlines()[-2:] == ["id-dc1-rs-1", "bash"]


def test_logs(lab: Program, client: Path) -> None:
    assert lab("logs", "-f", "-n", "3", "-t", "api-1", "ui-1").code == 7
    called = client.read_text().splitlines()
    assert called[-2:] == ["api-1", "ui-1"]
    assert {"--tail=3", "--follow", "--timestamps"} <= set(called)


def test_power(lab: Program) -> None:
    for command, past in (("stop", "stop"), ("start", "start"), ("restart", "restart")):
        lab.world.calls.clear()
        ran = lab(command, "api-1", "ui-1")
        assert (ran.code, ran.out) == (0, "")
        assert sorted(lab.world.calls) == [(command, "id-api-1"), (command, "id-ui-1")]
        assert ran.err.splitlines()[-1] == f"lab 'small': {past} of 2 nodes done"


def test_power_of_a_whole_lab(lab: Program) -> None:
    assert lab("stop").code == 0
    assert len(lab.world.calls) == 21
