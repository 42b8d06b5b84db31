"""Where probes go, and what is made ready for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from labgen.assets import images_dir
from labgen.engine.state import LabState, lab_state
from labgen.images import read_images
from labgen.names import Label
from labgen.plan.spec import LabSpec
from labgen.verify import places
from labgen.verify.places import bring_program, find_places
from tests.unit.engine.world import World, container, running
from tests.unit.plan.specs import plan_of

if TYPE_CHECKING:
    from pathlib import Path

PLAN = plan_of(LabSpec())


@pytest.fixture
def world() -> World:
    return running(PLAN)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabState:
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path))
    return lab_state("lab")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were built because the engine had them not."""
    built: list[str] = []
    monkeypatch.setattr(
        places, "build_images", lambda _engine, images, _emit: built.extend(one.name for one in images)
    )
    return built


def test_every_node_that_runs(world: World, state: LabState, built: list[str]) -> None:
    world.containers[0].update(State="exited", Status="Exited (137) 2 minutes ago")
    gone = world.containers.pop(1)["Labels"][Label.NODE]
    found = find_places(world.engine, state)
    first = next(iter(PLAN.node_by_name))
    assert set(found.running) == PLAN.node_by_name.keys() - {first, gone}
    assert found.words_of(first) == "stopped (Exited (137) 2 minutes ago)"
    assert found.words_of(gone) == "missing"
    assert found.programs == {}, "nobody has the volume"
    assert "probe" in built


def test_a_foreign_image_is_where_its_holder_is(world: World, state: LabState, built: list[str]) -> None:
    holder = container("lab", "api-1-network", Labels={Label.LAB: "lab", Label.HOLDS: "api-1"})
    world.containers.append(holder)
    assert find_places(world.engine, state).statuses["api-1"].network == "id-api-1-network"
    assert built


def test_the_program_is_brought_only_where_the_engine_has_it(
    world: World, state: LabState, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[Any] = []
    monkeypatch.setattr(places, "programs_inside", lambda *rest: brought.append(rest[2]))
    bring_program(world.engine, state)
    assert brought == []
    tag = read_images(images_dir())["probe"].tag
    world.has_image(tag)
    bring_program(world.engine, state)
    assert brought == [tag]
