"""Building: parents first, several at once, and one clear message for what does not build."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_on_whales.exceptions import DockerException

from labgen.engine.build import build_images, missing_images
from labgen.errors import LabgenError
from labgen.images import ImageFolder
from tests.unit.engine.world import Heard, World


def image(name: str, *depends: str, suites: tuple[str, ...] = ()) -> ImageFolder:
    parents = {f"LABGEN_{one.upper()}": f"labgen/{one}:1" for one in depends}
    return ImageFolder(name, Path("images") / name, f"labgen/{name}:1", parents, depends, suites)


BASE = image("base")
API = image("api", "base")
REDIS = image("redis", "base")


def built(world: World) -> list[str]:
    """Return the images in the order that their builds began."""
    return [call[1].split("/")[1].split(":")[0] for call in world.calls if call[0] == "build"]


def broken(*lines: str) -> Iterator[str]:
    yield from lines
    raise DockerException(["docker", "buildx", "build"], 1)


def test_missing_is_what_the_engine_does_not_have(world: World) -> None:
    world.has_image(API.tag)
    world.images.append({"RepoTags": None, "Labels": {"io.labgen.image": "old"}})
    world.images.append({"RepoTags": [BASE.tag], "Labels": {}})
    assert missing_images(world.engine, [BASE, API, REDIS]) == [BASE, REDIS]


def test_parents_before_children_each_with_its_parents_tag(world: World, heard: Heard) -> None:
    build_images(world.engine, [BASE, API, REDIS], heard)
    assert built(world)[0] == "base"
    assert sorted(world.calls) == [
        ("build", "labgen/api:1", "LABGEN_BASE=labgen/base:1"),
        ("build", "labgen/base:1"),
        ("build", "labgen/redis:1", "LABGEN_BASE=labgen/base:1"),
    ]
    assert heard.lines[:2] == ["base building", "base ready"]
    assert sorted(heard.lines[2:]) == ["api building", "api ready", "redis building", "redis ready"]


def test_earlier_builds_can_be_forgotten(world: World, heard: Heard) -> None:
    world.build_cache = False
    build_images(world.engine, [BASE], heard, cache=False)
    assert built(world) == ["base"]


def test_a_parent_that_is_there_is_not_waited_for(world: World, heard: Heard) -> None:
    build_images(world.engine, [API], heard)
    assert built(world) == ["api"]


def test_nothing_to_build(world: World, heard: Heard) -> None:
    build_images(world.engine, [], heard)
    assert (world.calls, heard) == ([], [])


def test_what_does_not_depend_on_each_other_is_built_at_once(world: World, heard: Heard) -> None:
    together = threading.Barrier(2)

    def build(_path: Path) -> Iterator[str]:
        together.wait(20)  # breaks, and the build with it, if one is only begun after the other
        yield "done"

    world.build = build
    build_images(world.engine, [image("api"), image("redis")], heard)
    assert sorted(built(world)) == ["api", "redis"]


def test_the_whole_output_is_kept(world: World, heard: Heard, state: Path) -> None:
    world.build = lambda path: [f"#1 FROM {path.name}\n", "#2 RUN"]
    build_images(world.engine, [BASE], heard)
    assert (state / "logs" / "build-base.log").read_text() == "#1 FROM base\n#2 RUN\n"


def test_an_image_that_does_not_build(world: World, heard: Heard, state: Path) -> None:
    world.build = lambda _path: broken(*(f"line {number}\n" for number in range(40)), "E: no such package\n")
    with pytest.raises(LabgenError) as caught:
        build_images(world.engine, [BASE, API], heard)
    log = state / "logs" / "build-base.log"
    lines = caught.value.message.splitlines()
    assert caught.value.exit_code == 1
    assert lines[0] == "image 'base' does not build:"
    assert lines[1:] == [*(f"  line {number}" for number in range(26, 40)), "  E: no such package"]
    assert caught.value.hint == f"The whole log: {log}"
    assert len(log.read_text().splitlines()) == 41
    assert built(world) == ["base"], "nothing is built upon what did not build"
    assert heard.lines == ["base building", "base failed"]


def test_the_first_that_fails_ends_the_others(world: World, heard: Heard) -> None:
    failing = threading.Event()

    def endless() -> Iterator[str]:
        while True:
            assert failing.wait(20)
            yield "still at it"

    def fails() -> Iterator[str]:
        failing.set()
        yield from broken("E: broken")

    world.build = lambda path: fails() if path.name == "api" else endless()
    with pytest.raises(LabgenError, match=r"^image 'api' does not build:\n  E: broken\n"):
        build_images(world.engine, [image("redis"), image("api"), image("mysql"), image("ui")], heard)
    assert "redis ready" not in heard.lines
    assert "mysql ready" not in heard.lines
    assert "ui ready" not in heard.lines


def test_an_interruption_ends_the_builds(world: World, heard: Heard) -> None:
    def interrupted() -> Iterator[str]:
        yield "one"
        raise KeyboardInterrupt

    world.build = lambda _path: interrupted()
    with pytest.raises(KeyboardInterrupt):
        build_images(world.engine, [BASE, API], heard)
    assert built(world) == ["base"]


def test_every_suite_is_there_before_anything_is_built(world: World, heard: Heard) -> None:
    images = [image("base", suites=("trixie",)), image("guacamole", suites=("bullseye", "trixie"))]
    build_images(world.engine, images, heard)
    assert [call for call in world.calls if call[0] != "build"] == [
        *(("pull", "debian:trixie-slim"), ("tag", "labgen/debian:trixie")),
        *(("pull", "debian:bullseye-slim"), ("tag", "labgen/debian:bullseye")),
    ]
    assert [call[0] for call in world.calls[-2:]] == ["build", "build"]
    assert heard.lines[:2] == ["debian:trixie pulling", "debian:trixie ready"]


def test_a_log_that_cannot_be_written_is_a_message(
    world: World, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(LabgenError, match=r"cannot be written"):
        build_images(world.engine, [BASE], heard)
