"""labgen as a user runs it, in this process: arguments and environment in, exit code and output out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from labgen.engine.client import Engine
from labgen.engine.state import lab_state
from labgen.plan.spec import LabSpec
from tests.unit.cli.program import Program
from tests.unit.engine.world import World


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's environment without anything that would change what labgen does, and no real engine."""
    for name in os.environ:
        if name.startswith(("LABGEN_", "_LABGEN", "DOCKER_", "COMPOSE_", "FORCE_COLOR", "NO_COLOR")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("labgen.engine.free._host_routes", dict)
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, _port: True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The engine that labgen finds: nothing is on it."""
    world = World()

    def connect(**_: bool) -> Engine:
        return world.engine

    # The doctor first: imported after the other is replaced it would keep the replacement for ever.
    for module in ("doctor", "client"):
        monkeypatch.setattr(f"labgen.engine.{module}.connect", connect)
    return world


@pytest.fixture
def labgen(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """The program, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer puts its own there
    return Program(world, tmp_path, monkeypatch, capsys)


@pytest.fixture
def running(labgen: Program) -> Program:
    """The program on a machine where the small lab runs, whose plan is remembered."""
    plan = labgen.runs()
    state = lab_state("small")
    state.folder.mkdir(parents=True)
    state.remember(LabSpec(), plan)
    return labgen
