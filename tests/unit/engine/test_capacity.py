"""Whether a lab fits: asked before anything is made, answered with figures and a way out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labgen.engine import capacity
from labgen.engine.capacity import Machine, check_capacity, measure_machine
from labgen.errors import LabgenError
from tests.unit.engine.world import GIB, World

ROOMY = Machine(8 * GIB, 4 * GIB, 20 * GIB, "/var/lib/engine", 2)


@pytest.mark.parametrize(("memory", "disk"), [(0, 0), (4 * GIB, 20 * GIB)])
def test_what_fits_exactly_fits(memory: int, disk: int) -> None:
    check_capacity(ROOMY, memory, disk)


def test_not_enough_memory() -> None:
    with pytest.raises(LabgenError) as caught:
        check_capacity(ROOMY, 4 * GIB + 1, 0)
    assert caught.value.exit_code == 1
    assert caught.value.message == (
        "not enough memory: the lab needs about 4GiB more, 4GiB of 8GiB are available"
    )
    assert caught.value.hint == (
        "Take a smaller lab (`labgen plan` shows what each node needs), or give the engine more memory."
    )


def test_not_enough_disk() -> None:
    with pytest.raises(LabgenError) as caught:
        check_capacity(ROOMY, 0, 21 * GIB)
    assert caught.value.exit_code == 1
    assert caught.value.message == (
        "not enough disk: the lab needs about 21GiB below /var/lib/engine, 20GiB are free"
    )
    assert caught.value.hint == "`docker system prune` removes what no container uses."


def test_disk_that_cannot_be_asked_is_no_obstacle() -> None:
    check_capacity(Machine(8 * GIB, 8 * GIB, None, "", 2), GIB, 10**15)


def test_an_engine_on_this_machine(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_available", lambda: 3 * GIB)
    world.info = {"MemTotal": 8 * GIB, "NCPU": 4, "DockerRootDir": str(tmp_path)}
    measured = measure_machine(world.engine)
    assert measured == Machine(8 * GIB, 3 * GIB, measured.disk_free, str(tmp_path), 4)
    assert measured.disk_free is not None
    assert 0 < measured.disk_free <= shutil.disk_usage(tmp_path).total


def test_an_engine_in_a_smaller_machine_than_ours(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "_available", lambda: 3 * GIB)
    world.info = {"MemTotal": GIB, "NCPU": 4, "DockerRootDir": str(tmp_path)}
    assert measure_machine(world.engine).memory_available == GIB


def test_an_engine_elsewhere(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_available", lambda: 1)
    world.info = {"MemTotal": 8 * GIB, "NCPU": 4, "DockerRootDir": str(tmp_path / "not-here")}
    assert measure_machine(world.engine) == Machine(8 * GIB, 8 * GIB, None, str(tmp_path / "not-here"), 4)


def test_no_memory_at_all_is_not_all_memory(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "_available", lambda: 0)
    world.info = {"MemTotal": 8 * GIB, "NCPU": 4, "DockerRootDir": str(tmp_path)}
    assert measure_machine(world.engine).memory_available == 0


def test_available_memory_is_read_from_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  16000 kB\nMemFree:  100 kB\nMemAvailable:   2048 kB\n")
    assert capacity._available(table) == 2 * 2**20


@pytest.mark.parametrize("text", [None, "", "MemTotal: 16000 kB\n"])
def test_no_such_table(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    assert capacity._available(tmp_path / "meminfo") is None
