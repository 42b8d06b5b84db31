"""The bare Debian below all: there already, from a registry, from packages, or one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from docker.errors import APIError, ImageNotFound

from labgen.engine.bootstrap import ensure_suite
from labgen.errors import LabgenError
from tests.unit.engine.world import Heard, World, refusal

REFUSAL = "registry: no such host"
IMPORTED = 'cat >"$HERE/imported"; printf "%s\\n" "$*" >>"$HERE/calls"'


class Programs:
    """The only programs on the PATH, as shell scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nHERE={self.folder}\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Programs(folder)


def test_a_suite_that_is_there_costs_nothing(world: World, heard: Heard, programs: Programs) -> None:
    world.has_image("labgen/debian:trixie")
    ensure_suite(world.engine, "trixie", heard)
    assert (world.calls, heard, list(programs.folder.iterdir())) == ([], [], [])


def test_a_registry_that_has_it(world: World, heard: Heard, programs: Programs) -> None:
    ensure_suite(world.engine, "trixie", heard)
    assert world.calls == [("pull", "debian:trixie-slim"), ("tag", "labgen/debian:trixie")]
    assert heard.lines == ["debian:trixie pulling", "debian:trixie ready"]
    assert list(programs.folder.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        refusal(REFUSAL),
        ImageNotFound("404", explanation=REFUSAL),
        APIError(REFUSAL),
        requests.exceptions.ReadTimeout(REFUSAL),
    ],
)
def test_no_registry_and_no_way_to_make_one(
    world: World, heard: Heard, programs: Programs, error: Exception
) -> None:
    world.pulled = error
    with pytest.raises(LabgenError) as caught:
        ensure_suite(world.engine, "trixie", heard)
    assert caught.value.exit_code == 1
    assert caught.value.message == (
        f"there is no Debian trixie to build upon: no registry has it ({REFUSAL}), "
        "and mmdebstrap, which makes one from packages, is not installed"
    )
    assert caught.value.hint == (
        "`make setup` installs it on Debian and Ubuntu; or load an image and tag it labgen/debian:trixie."
    )
    assert "debian:trixie ready" not in heard.lines
    assert list(programs.folder.iterdir()) == []


def test_made_from_packages(world: World, heard: Heard, programs: Programs) -> None:
    world.pulled = refusal(REFUSAL)
    programs.make("mmdebstrap", 'printf "%s " "$@"')
    programs.make("docker", IMPORTED)
    ensure_suite(world.engine, "bullseye", heard)
    arguments = programs.read("imported").split()
    assert arguments[-2:] == ["bullseye", "-"]
    assert "--variant=minbase" in arguments
    assert programs.read("calls") == "import - labgen/debian:bullseye\n"
    assert heard.lines == [
        *("debian:bullseye pulling", "debian:bullseye bootstrapping", "debian:bullseye ready"),
    ]


def test_packages_that_cannot_be_had(world: World, heard: Heard, programs: Programs) -> None:
    world.pulled = refusal(REFUSAL)
    programs.make("mmdebstrap", "for i in 1 2 3 4 5 6 7 8 9 10; do echo E: $i >&2; done; exit 25")
    programs.make("docker", IMPORTED)
    with pytest.raises(LabgenError) as caught:
        ensure_suite(world.engine, "trixie", heard)
    assert caught.value.message.splitlines() == [
        "Debian trixie could not be made from packages:",
        *(f"E: {number}" for number in range(3, 11)),
    ]
    assert caught.value.hint == (
        "Does `apt-get update` work on this machine? The same package source is used."
    )
    calls = programs.read("calls").splitlines()
    assert calls[-1] == "rmi labgen/debian:trixie", "half an image must not pass for a whole one"
    assert "debian:trixie ready" not in heard.lines


def test_an_engine_that_does_not_take_the_archive(world: World, heard: Heard, programs: Programs) -> None:
    world.pulled = refusal(REFUSAL)
    programs.make("mmdebstrap", "echo archive")
    programs.make("docker", "cat >/dev/null; echo no space left on device >&2; exit 1")
    with pytest.raises(LabgenError, match=r"^Debian trixie could not be .*:\nno space left on device\n"):
        ensure_suite(world.engine, "trixie", heard)
