"""Cutting and healing: what is written where nodes find it at their start, and what is loaded at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docker.errors import APIError, ImageNotFound

from labgen.engine import cuts as module
from labgen.engine.cuts import Wire, change_cuts, cut_tables, cut_wires
from labgen.engine.state import LabState, lab_state
from labgen.errors import InvalidInput, LabgenError
from labgen.plan.spec import LabSpec
from labgen.render.cuts import NO_CUTS
from tests.unit.engine.world import World, run_lab
from tests.unit.plan.specs import plan_of

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.engine.client import Engine

PLAN = plan_of(LabSpec())
MYSQL = Wire("api-1", "mysql-1")
UI = Wire("ui-1", "api-1")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabState:
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path))
    state = lab_state("lab")
    for node in PLAN.node_by_name:
        (state.folder / "nodes" / node / "cuts").mkdir(parents=True)
    return state


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def load(_engine: Engine, lab: str, network: str, text: str) -> None:
        assert lab == "lab"
        found.append((network, text))

    monkeypatch.setattr(module, "load_rules", load)
    return found


@pytest.fixture
def world() -> World:
    world = World()
    run_lab(world, PLAN)
    return world


def test_a_wire_is_the_same_in_both_orders() -> None:
    assert Wire.between(PLAN, "mysql-1", "api-1") == Wire.between(PLAN, "api-1", "mysql-1") == MYSQL
    assert MYSQL.pairs == (("api-1", "mysql-1"), ("mysql-1", "api-1"))
    with pytest.raises(InvalidInput, match="no wire to cut"):
        Wire.between(PLAN, "ui-1", "mysql-1")


def test_who_shares_addresses_drops_at_its_end() -> None:
    plan = plan_of(LabSpec(counts={"datanode": 2}, variants={"datanode": "virtual"}))
    assert Wire.between(plan, "api-1", "datanode-2") == Wire("datanode-2", "api-1")
    assert Wire.between(plan, "datanode-1", "mysql-1") == Wire("datanode-1", "mysql-1")


def test_cut_and_heal(world: World, state: LabState, loaded: list[tuple[str, str]]) -> None:
    assert change_cuts(world.engine, state, PLAN, cut=[MYSQL, UI]) == [MYSQL, UI]
    assert cut_wires(state) == [MYSQL, UI]
    assert [network for network, _ in loaded] == ["id-api-1", "id-ui-1"]
    assert cut_tables(state) == {"api-1": loaded[0][1], "ui-1": loaded[1][1]}
    assert change_cuts(world.engine, state, PLAN, cut=[MYSQL]) == [], "it is cut already"
    assert len(loaded) == 2
    assert change_cuts(world.engine, state, PLAN, heal=[MYSQL]) == [MYSQL]
    assert loaded[-1] == ("id-api-1", NO_CUTS)
    assert cut_wires(state) == [UI]
    assert not list((state.folder / "nodes" / "api-1" / "cuts").iterdir())


def test_one_more_wire_of_a_node_keeps_the_first(
    world: World, state: LabState, loaded: list[tuple[str, str]]
) -> None:
    redis = Wire("api-1", "redis-1")
    change_cuts(world.engine, state, PLAN, cut=[MYSQL])
    change_cuts(world.engine, state, PLAN, cut=[redis])
    assert cut_wires(state) == [MYSQL, redis]
    assert loaded[-1][1].count("mysql-1") == loaded[-1][1].count("redis-1") == 2
    change_cuts(world.engine, state, PLAN, heal=[MYSQL])
    assert cut_wires(state) == [redis]


def test_a_node_that_does_not_run_finds_it_at_its_start(
    world: World, state: LabState, loaded: list[tuple[str, str]]
) -> None:
    next(one for one in world.containers if one["Id"] == "id-api-1")["State"] = "exited"
    assert change_cuts(world.engine, state, PLAN, cut=[MYSQL]) == [MYSQL]
    assert loaded == []
    assert cut_wires(state) == [MYSQL]


def test_a_folder_that_is_gone(world: World, state: LabState, loaded: list[tuple[str, str]]) -> None:
    folder = state.folder / "nodes" / "api-1" / "cuts"
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(LabgenError, match=r"cuts\.nft: cannot be written"):
        change_cuts(world.engine, state, PLAN, cut=[MYSQL])
    assert loaded == [], "what is not written is not loaded either"


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (
            ImageNotFound("No such image"),
            r"the engine has no image labgen/base:\w+, which loads them",
            "build",
        ),
        (APIError("Conflict", explanation="container is paused"), "loaded: container is paused$", None),
    ],
)
def test_rules_that_could_not_be_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception, message: str, hint: str | None
) -> None:
    def run(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(module, "run_beside", run)
    with pytest.raises(LabgenError, match=f"^the rules could not be .*{message}") as caught:
        module.load_rules(world.engine, "lab", "id-api-1", NO_CUTS)
    assert (hint or "") in (caught.value.hint or "")
