"""The state folder: what is remembered, and that rubbish in it is no obstacle."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine.state import lab_state, remembered_labs, state_root
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec

SPEC = LabSpec.model_validate(
    {
        "counts": {"api": 2},
        "supernet": "10.9.0.0/16",
        "bind": "127.0.0.2",
        "ports": {"https": 9443},
        "resources": {"api": {"memory": "256MiB", "cpus": 0.5}},
        "sites": {"dc1": {"counts": {"rs": 2}}},
    }
)


def test_where_it_is(state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_root() == state
    monkeypatch.setenv("LABGEN_STATE_DIR", "~/labs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert state_root() == tmp_path / "home" / "labs"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABGEN_STATE_DIR", "here")
    assert state_root() == tmp_path / "here"


def test_the_users_state_folder_without_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LABGEN_STATE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_root().is_relative_to(tmp_path)
    assert state_root().name == "labgen"


def test_what_was_asked_for_comes_back_whole(state: Path) -> None:
    one = lab_state("lab")
    one.folder.mkdir(parents=True)
    plan = make_plan(default_catalogue(), SPEC, "lab")
    one.remember(SPEC, plan)
    assert one.recall() == SPEC
    assert one.nodes() == [node.name for node in plan.nodes]
    assert [path.name for path in one.folder.iterdir()] == ["lab.json"]
    assert one.folder == state / "labs" / "lab"


def test_remembering_again_replaces_it(state: Path) -> None:
    one = lab_state("lab")
    one.folder.mkdir(parents=True)
    for spec in (SPEC, LabSpec()):
        one.remember(spec, make_plan(default_catalogue(), spec, "lab"))
    assert one.recall() == LabSpec()
    assert [path.name for path in (state / "labs" / "lab").iterdir()] == ["lab.json"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "null", '{"nodes": 7}', '{"spec": 7, "nodes": null}', "\xff"),
        '{"spec": {"unknown": 1}}',
        '{"spec": {"counts": {"api": -1}}}',
    ],
)
def test_rubbish_counts_as_nothing(text: str) -> None:
    one = lab_state("lab")
    one.folder.mkdir(parents=True)
    (one.folder / "lab.json").write_text(text, "latin-1")
    assert one.recall() is None
    assert one.nodes() == []


def test_nothing_remembered() -> None:
    one = lab_state("lab")
    assert one.recall() is None
    assert one.nodes() == []
    one.forget()
    assert remembered_labs() == []


def test_labs_are_folders(state: Path) -> None:
    for name in ("b", "a"):
        lab_state(name).folder.mkdir(parents=True)
    lab_state("c").lock_file.touch()
    assert remembered_labs() == ["a", "b"]
    lab_state("a").forget()
    assert remembered_labs() == ["b"]
    assert (state / "labs" / "c.lock").exists()


def test_the_lock_survives_the_folder(state: Path) -> None:
    one = lab_state("lab")
    assert not one.lock_file.is_relative_to(one.folder)
    assert one.lock_file.parent == state / "labs"
    assert one.secret("mysql_password") == one.folder / "secrets" / "mysql_password"
