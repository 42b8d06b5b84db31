"""What the examination of a machine finds, and what a lab would stumble over."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.assets import images_dir
from labgen.engine import doctor
from labgen.engine.doctor import Finding, examine
from labgen.engine.stock import shipped_images
from labgen.errors import EngineMissing
from labgen.images import read_images
from tests.unit.engine.world import GIB, World, network

CHECKS = ["engine", "memory and disk", "subnets", "images", "state folder"]


@pytest.fixture
def machine(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine that lacks nothing."""
    monkeypatch.setattr(doctor, "connect", lambda *, compose: world.engine if compose else None)
    monkeypatch.setattr("labgen.engine.free._host_routes", dict)
    for image in read_images(images_dir()).values():
        world.has_image(image.tag)
    return world


def finding(check: str) -> Finding:
    return next(one for one in examine() if one.check == check)


def test_a_machine_that_lacks_nothing(machine: World, state: Path) -> None:
    assert machine.calls == []
    assert examine() == [
        Finding("engine", "ok", "version 28.5.2, with Compose"),
        Finding("memory and disk", "ok", "8GiB of memory, 2 processors"),
        Finding("subnets", "ok", "10.210.0.0/16 is free"),
        Finding("images", "ok", "all there"),
        Finding("state folder", "ok", str(state)),
    ]
    assert list(state.iterdir()) == []


def test_without_an_engine_nothing_else_can_be_asked(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: bool) -> None:
        raise EngineMissing("no engine", "Start it.")

    monkeypatch.setattr(doctor, "connect", none)
    assert examine() == [
        Finding("engine", "failed", "no engine", "Start it.", 3),
        Finding("state folder", "ok", str(state)),
    ]


def test_too_little_memory(machine: World) -> None:
    machine.info = {"MemTotal": GIB, "NCPU": 1}
    found = finding("memory and disk")
    assert (found.state, found.exit_code) == ("failed", 1)
    assert found.finding == "not enough memory: the lab needs about 2GiB more, 1GiB of 1GiB are available"
    assert found.way_out.startswith("Take a smaller lab")


def test_no_subnet_is_free(machine: World) -> None:
    machine.networks = [network("vpn", "10.0.0.0/8")]
    found = finding("subnets")
    assert (found.state, found.exit_code) == ("failed", 1)
    assert found.way_out == "Set one that is: --set supernet=172.20.0.0/16"


def test_images_that_are_to_be_built_are_no_fault(machine: World) -> None:
    missing = {image.tag for image in shipped_images(["redis"]) if image.name == "redis"}
    machine.images = [one for one in machine.images if one["RepoTags"][0] not in missing]
    assert finding("images") == Finding("images", "ok", "1 to be built: redis")


def test_a_state_folder_that_cannot_be_written(
    machine: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "file" / "state"))
    assert [one.check for one in examine()] == CHECKS
    assert machine.calls == []
    assert finding("state folder") == Finding(
        "state folder",
        "failed",
        f"{tmp_path / 'file' / 'state'}: cannot be written: Not a directory",
        "Choose another folder with $LABGEN_STATE_DIR.",
        1,
    )
