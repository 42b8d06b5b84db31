"""Every test here has a state folder of its own, and no way to a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.world import Heard, World


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder, empty."""
    folder = tmp_path / "state"
    monkeypatch.setenv("LABGEN_STATE_DIR", str(folder))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine")
    return folder


@pytest.fixture
def world() -> World:
    """An engine with nothing on it."""
    return World()


@pytest.fixture
def heard() -> Heard:
    """A listener."""
    return Heard()
