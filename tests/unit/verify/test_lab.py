"""What there is to measure of a running lab: its nodes, secrets, cuts, and the other labs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labgen.engine.observe import observe
from labgen.engine.state import LabState, lab_state
from labgen.errors import LabgenError
from labgen.names import Label
from labgen.plan.spec import LabSpec
from labgen.render.cuts import cuts_text
from labgen.verify.lab import subject_of
from labgen.verify.places import Places
from labgen.verify.questions import Wanted
from tests.unit.engine.world import World, container, running
from tests.unit.plan.specs import plan_of

if TYPE_CHECKING:
    from labgen.verify.run import Subject

PLAN = plan_of(LabSpec())


@pytest.fixture
def world() -> World:
    return running(PLAN)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabState:
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path))
    state = lab_state("lab")
    for name, text in (("secrets/one", "hidden"), ("secrets/.hidden", "x"), ("tls/ca.crt", "PEM")):
        (state.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (state.folder / name).write_text(text)
    return state


def subject(world: World, state: LabState) -> Subject:
    places = Places("lab", "probe:1", observe(world.engine, "lab"))
    return subject_of(world.engine, state, PLAN, places, Wanted())


def test_a_healthy_lab(world: World, state: LabState) -> None:
    found = subject(world, state)
    assert found.stopped == {}
    assert found.secrets == {"one": "hidden", "ca": "PEM"}
    assert "hidden" not in repr(found), "secrets are not for logs"
    assert (found.cuts, found.other_labs) == (frozenset(), ())


def test_nodes_that_do_not_run_are_said_with_the_engines_words(world: World, state: LabState) -> None:
    world.containers[0].update(State="exited", Status="Exited (137) 2 minutes ago")
    world.containers[1].update(State="paused", Status="Up 2 minutes (Paused)")
    gone = world.containers.pop(2)["Labels"][Label.NODE]
    found = subject(world, state)
    names = list(PLAN.node_by_name)
    assert found.stopped == {
        names[0]: "stopped (Exited (137) 2 minutes ago)",
        names[1]: "paused (Up 2 minutes (Paused))",
        gone: "missing",
    }


def test_an_unhealthy_node_is_measured(world: World, state: LabState) -> None:
    world.containers[0]["Status"] = "Up 2 minutes (unhealthy)"
    assert subject(world, state).stopped == {}


def test_cuts(world: World, state: LabState) -> None:
    folder = state.folder / "nodes" / "api-1" / "cuts"
    folder.mkdir(parents=True)
    (folder / "cuts.nft").write_text(cuts_text(PLAN, "api-1", ["mysql-1"]))
    assert subject(world, state).cuts == {("api-1", "mysql-1"), ("mysql-1", "api-1")}


def test_other_labs_by_their_addresses(world: World, state: LabState) -> None:
    there = container("other", "api-1")
    there["NetworkSettings"] = {"Networks": {"x": {"IPAddress": "10.211.0.18"}, "y": {"IPAddress": ""}}}
    world.containers.append(there)
    assert subject(world, state).other_labs == ("10.211.0.18",)


@pytest.mark.parametrize("gone", ["tls/ca.crt", "secrets"])
def test_a_lab_whose_secrets_are_gone(world: World, state: LabState, gone: str) -> None:
    path = state.folder / gone
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(LabgenError, match="the secrets of lab 'lab' are gone: ") as caught:
        subject(world, state)
    assert caught.value.hint.startswith("`labgen up lab` makes new ones")
