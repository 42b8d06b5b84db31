"""Same plan, same bytes: again, in another process, on another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from labgen.assets import templates_dir
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import COMPOSE_FILE, render_lab
from tests.unit.plan.specs import CATALOGUE

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering


def test_rendering_twice_gives_the_same_bytes(small: Rendering, golden_images: dict[str, str]) -> None:
    again = render_lab(make_plan(CATALOGUE, LabSpec(), "small"), templates_dir(), golden_images)
    assert again == small
    assert list(again.files) == list(small.files)


SCRIPT = """
import hashlib
from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import render_lab
images = {path.parent.name: f"labgen/{path.parent.name}:test" for path in images_dir().glob("*/Dockerfile")}
plan = make_plan(default_catalogue(), LabSpec(datacenters=2, counts={"rs": 2, "api": 3}), "lab")
rendering = render_lab(plan, templates_dir(), images)
print(hashlib.sha256(repr((list(rendering.files.items()), rendering.secrets)).encode()).hexdigest())
"""


def test_another_process_gives_the_same_bytes() -> None:
    """Python orders sets of strings anew in every process; no such order may reach a file."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(templates_dir().parent)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(digests[0]) == 65
    assert digests[0] == digests[1]


def test_a_machine_without_libyaml_writes_the_same_bytes(
    small: Rendering, small_plan: LabPlan, golden_images: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(yaml, "CSafeDumper")
    again = render_lab(small_plan, templates_dir(), golden_images)
    assert again.files[COMPOSE_FILE] == small.files[COMPOSE_FILE]
