"""The plan of a lab that exists comes back as it was made, or it is said how to get it back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from labgen.catalogue.load import default_catalogue
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState, lab_state
from labgen.engine.up import resolve
from labgen.errors import InvalidInput, LabgenError
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from tests.unit.engine.world import World, network, run_lab
from tests.unit.plan.specs import lab_specs, plan_of


def remembered(spec: LabSpec, plan: LabPlan) -> LabState:
    state = lab_state(plan.name)
    state.folder.mkdir(parents=True, exist_ok=True)
    state.remember(spec, plan)
    return state


@given(lab_specs(most=4))
def test_it_comes_back(spec: LabSpec) -> None:
    # Only what labgen has servers for was ever brought up.
    offered = {
        topic: choice
        for topic, choice in spec.variants.items()
        if choice not in default_catalogue().variants[topic].data_only
    }
    spec = spec.model_copy(update={"variants": offered})
    plan = plan_of(spec)
    assert plan_of_lab(remembered(spec, plan)) == plan


def test_with_the_supernet_and_the_ports_that_were_chosen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labgen.engine.free._host_routes", dict)
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port != 8443)
    world.networks.append(network("somebody's", "10.210.0.0/16"))
    spec = LabSpec()
    plan, notes = resolve(world.engine, "mine", spec)
    assert notes
    assert str(plan.supernet) == "10.211.0.0/16"
    state = remembered(spec, plan)
    assert plan_of_lab(state) == plan
    assert state.recall() == spec, "what labgen chose is no wish of the user"
    run_lab(world, plan)
    assert resolve(world.engine, "mine", spec)[0] == plan


@pytest.mark.parametrize("text", [None, "", "{}", '{"spec": {}}', '{"spec": {}, "chosen": 7}', "[]"])
def test_nothing_usable_is_remembered(text: str | None) -> None:
    state = lab_state("mine")
    if text is not None:
        state.folder.mkdir(parents=True)
        (state.folder / "lab.json").write_text(text)
    with pytest.raises(LabgenError) as caught:
        plan_of_lab(state)
    assert str(caught.value) == (
        f"the plan of lab 'mine' is not known: {state.folder / 'lab.json'} is missing, incomplete, or from "
        "an older labgen\n`labgen up mine` writes it anew, and leaves alone what runs as it should."
    )
    assert caught.value.exit_code == 1


def test_what_the_catalogue_no_longer_has() -> None:
    spec = LabSpec()
    state = remembered(spec, make_plan(default_catalogue(), spec, "mine"))
    file = state.folder / "lab.json"
    document = json.loads(file.read_text())
    document["spec"]["size"] = "huge"
    file.write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match=r"lab\.json: size: unknown size 'huge'"):
        plan_of_lab(state)
