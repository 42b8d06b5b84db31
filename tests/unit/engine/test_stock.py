"""The images that there are, and those that there should be."""

from __future__ import annotations

import pytest

from labgen.assets import images_dir
from labgen.engine.stock import remove_images, shipped_images, stock
from labgen.errors import InvalidInput
from labgen.images import read_images
from tests.unit.engine.world import World, refusal

IMAGES = read_images(images_dir())


def test_all_that_the_templates_use_with_their_parents() -> None:
    names = [image.name for image in shipped_images()]
    assert {"base", "stub", "mysql", "probe"} <= set(names)
    assert "mariadb" not in names, "a choice of lab.yaml, not of any template"
    for image in shipped_images():
        assert all(names.index(parent) < names.index(image.name) for parent in image.depends)


def test_named_images_with_their_parents() -> None:
    assert [image.name for image in shipped_images(["mariadb"])] == ["base", "mariadb"]


def test_an_unknown_image() -> None:
    with pytest.raises(InvalidInput, match=r"^there is no image 'mysq' \(did you mean 'mysql'\?\)$"):
        shipped_images(["mysq"])


def test_what_is_there_and_what_is_missing(world: World) -> None:
    world.has_image(IMAGES["redis"].tag, 3 * 2**20)
    world.images.append({"RepoTags": None, "Labels": {"io.labgen.image": "old"}, "Size": 1})
    rows = {row["image"]: row for row in stock(world.engine, human=False)}
    assert list(rows) == list(IMAGES)
    assert rows["redis"] == {
        "image": "redis",
        "tag": IMAGES["redis"].tag,
        "parent": "base",
        "state": "ok",
        "size": 3 * 2**20,
    }
    assert rows["base"] == {
        "image": "base",
        "tag": IMAGES["base"].tag,
        "parent": "debian:trixie",
        "state": "missing",
        "size": None,
    }
    people = {row["image"]: row["size"] for row in stock(world.engine, human=True)}
    assert (people["redis"], people["base"]) == ("3MiB", "")


def test_removing_leaves_what_is_in_use(world: World) -> None:
    for tag in ("labgen/a:1", "labgen/b:1"):
        world.has_image(tag)
    world.refused["remove image", "labgen/b:1"] = refusal("image is being used by running container")
    assert remove_images(world.engine, only_old=False) == (1, 1)


def test_removing_only_what_no_folder_stands_for(world: World) -> None:
    world.has_image(IMAGES["redis"].tag)
    world.has_image("labgen/redis:0123456789ab")
    world.images.append({"RepoTags": None, "Labels": {"io.labgen.image": "old"}})
    world.images.append({"RepoTags": ["postgres:17"], "Labels": {}})
    assert remove_images(world.engine, only_old=True) == (1, 0)
    assert world.calls == [("remove image", "labgen/redis:0123456789ab")]
