"""One node more of a role: which of the others would be made anew, and which only load their files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.images import image_tags
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import render_lab
from tests.unit.render.hardening import compose_of

if TYPE_CHECKING:
    from labgen.render.lab import Rendering


@cache
def lab(size: str, **counts: int) -> tuple[Rendering, dict[str, Any]]:
    spec = LabSpec.model_validate({"size": size, "counts": counts})
    rendering = render_lab(
        make_plan(default_catalogue(), spec, "lab"), templates_dir(), image_tags(images_dir())
    )
    return rendering, compose_of(rendering)


@pytest.mark.parametrize(
    ("size", "counts", "reloaded"),
    [
        ("large", {"api": 4}, {"frontend", "ui", "rs", "bpm"}),
        ("large", {"ui": 3}, {"frontend"}),
        ("large", {"m": 3}, {"ui", "rs", "bpm"}),
        ("large", {"novnc": 3}, {"frontend"}),
        ("large", {"guacamole": 3}, {"api"}),
        ("large", {"bpm": 2}, {"api"}),
        ("large", {"rs": 2}, {"api", "ui"}),
        ("large", {"prs": 2}, {"api"}),
        ("large", {"hypervisor": 3}, {"novnc", "guacamole", "rs"}),
        ("large", {"client": 2}, set()),
        ("large", {"guest": 2}, {"api", "guacamole"}),
        ("large", {"redis": 5}, {"redis", "sentinel", "datanode"}),
        ("large", {"sentinel": 5}, {"sentinel"}),
        ("large", {"rabbitmq": 5}, {"rabbitmq", "api", "m", "rs", "bpm", "prs"}),
        ("large", {"mysql": 5}, {"mysql", "datanode"}),
        ("large", {"zookeeper": 5}, {"zookeeper", "api"}),
        ("large", {"datanode": 4}, {"datanode"}),
        ("large", {"frontend": 3}, {"frontend"}),
        ("small", {"api": 2}, {"frontend", "ui", "rs", "bpm"}),
        ("small", {"ui": 2}, {"frontend"}),
        ("small", {"m": 2}, {"ui", "rs", "bpm"}),
    ],
)
def test_no_other_node_is_made_anew(size: str, counts: dict[str, int], reloaded: set[str]) -> None:
    (before, small), (after, grown) = lab(size), lab(size, **counts)
    assert grown["networks"] == small["networks"]
    assert {name: grown["services"][name] for name in small["services"]} == small["services"]
    changed = {name for name, one in before.reloads.items() if after.reloads[name].digest != one.digest}
    assert {name.rpartition("-")[0].rpartition("-")[2] for name in changed} == reloaded
