"""Image folders: order of building, and tags that change when, and only when, something in them does."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from labgen.assets import images_dir
from labgen.errors import InvalidInput
from labgen.images import is_foreign, read_images, suite_tag, wanted_images
from labgen.names import PROBE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.images import ImageFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, the children before their parent by name, and one that stands alone."""
    write(tmp_path, "zz-base", "ARG SUITE_TRIXIE\nFROM ${SUITE_TRIXIE}\n")
    write(tmp_path, "app", "ARG LABGEN_MIDDLE\nFROM ${LABGEN_MIDDLE}\nCOPY run /run\n", run="#!/bin/sh\n")
    write(tmp_path, "middle", "ARG LABGEN_ZZ_BASE\nFROM ${LABGEN_ZZ_BASE}\n")
    write(tmp_path, "other", "ARG SUITE_BULLSEYE\nFROM ${SUITE_BULLSEYE}\n")
    (tmp_path / "not-an-image").mkdir()
    return tmp_path


def write(folder: Path, image: str, dockerfile: str, **files: str) -> None:
    """Write an image folder."""
    (folder / image).mkdir()
    for name, text in {"Dockerfile": dockerfile, **files}.items():
        (folder / image / name).write_text(text)


def read(folder: Path) -> dict[str, ImageFolder]:
    """Read anew: what labgen reads once per run changes under a test's hands."""
    read_images.cache_clear()
    return read_images(folder)


def tags(folder: Path) -> dict[str, str]:
    return {image.name: image.tag for image in read(folder).values()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_parents_come_first(folder: Path) -> None:
    assert list(read(folder)) == ["zz-base", "middle", "app", "other"]


def test_parents_and_suites(folder: Path) -> None:
    images = read(folder)
    assert images["app"].parents == {"LABGEN_MIDDLE": images["middle"].tag}
    assert images["middle"].parents == {"LABGEN_ZZ_BASE": images["zz-base"].tag}
    assert (
        images["zz-base"].parents
        == {"SUITE_TRIXIE": suite_tag("trixie")}
        == {"SUITE_TRIXIE": "labgen/debian:trixie"}
    )
    assert (images["zz-base"].suites, images["app"].suites) == (("trixie",), ())
    assert (images["zz-base"].depends, images["app"].depends) == ((), ("middle",))


def test_tag_is_the_folder_and_a_hash(folder: Path) -> None:
    for name, tag in tags(folder).items():
        repository, _, digest = tag.partition(":")
        assert repository == f"labgen/{name}"
        assert len(digest) == 12
        assert set(digest) <= set("0123456789abcdef")


def test_same_content_same_tag_elsewhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tag is of the content: neither the place nor the time of a file is in it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(folder, elsewhere, copy_function=shutil.copy)
    assert tags(elsewhere) == tags(folder)


def test_content_changes_its_image_only(folder: Path) -> None:
    before = tags(folder)
    (folder / "app" / "run").write_text("#!/bin/sh\ntrue\n")
    assert changed(before, tags(folder)) == {"app"}


def test_new_file_and_new_name_change_the_tag(folder: Path) -> None:
    before = tags(folder)
    (folder / "app" / "lib").mkdir()
    (folder / "app" / "lib" / "more").write_text("x")
    between = tags(folder)
    (folder / "app" / "lib" / "more").rename(folder / "app" / "lib" / "less")
    assert changed(before, between) == changed(between, tags(folder)) == {"app"}


def test_mode_changes_the_tag(folder: Path) -> None:
    before = tags(folder)
    (folder / "app" / "run").chmod(0o755)
    executable = tags(folder)
    assert changed(before, executable) == {"app"}
    # Only whether it may be executed: the rest is the umask of whoever checked it out.
    (folder / "app" / "run").chmod(0o700)
    assert tags(folder) == executable


def test_parent_changes_all_that_is_built_upon_it(folder: Path) -> None:
    before = tags(folder)
    (folder / "zz-base" / "extra").write_text("x")
    assert changed(before, tags(folder)) == {"zz-base", "middle", "app"}


def test_compiled_python_is_not_content(folder: Path) -> None:
    before = tags(folder)
    (folder / "app" / "__pycache__").mkdir()
    (folder / "app" / "__pycache__" / "run.pyc").write_text("x")
    assert tags(folder) == before


def test_unknown_parent(folder: Path) -> None:
    write(folder, "lost", "ARG LABGEN_MIDLE\nFROM ${LABGEN_MIDLE}\n")
    with pytest.raises(InvalidInput) as caught:
        read(folder)
    assert str(caught.value) == (
        f"{folder / 'lost' / 'Dockerfile'}: there is no image 'midle' (did you mean 'middle'?)"
    )


@pytest.mark.parametrize(
    ("upon", "chain"),
    [
        ({"aa": "aa"}, "aa -> aa"),
        ({"aa": "bb", "bb": "cc", "cc": "aa"}, "aa -> bb -> cc -> aa"),
    ],
)
def test_images_built_upon_each_other(tmp_path: Path, upon: dict[str, str], chain: str) -> None:
    for child, parent in upon.items():
        write(tmp_path, child, f"ARG LABGEN_{parent.upper()}\nFROM ${{LABGEN_{parent.upper()}}}\n")
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{tmp_path}: the images {chain} are built upon each other"
    assert caught.value.exit_code == 2


def test_wanted_images_come_with_all_parents_first(folder: Path) -> None:
    images = read(folder)
    assert [image.name for image in wanted_images(images, {"app"})] == ["zz-base", "middle", "app"]
    assert [image.name for image in wanted_images(images, {"middle", "other"})] == [
        "zz-base",
        "middle",
        "other",
    ]
    assert wanted_images(images, set()) == []


@pytest.mark.parametrize(("image", "foreign"), [("redis", False), ("redis:7", True), ("vendor/api", True)])
def test_foreign(image: str, foreign: bool) -> None:
    assert is_foreign(image) is foreign


def foundations(images: dict[str, ImageFolder], name: str) -> list[ImageFolder]:
    """What an image is built upon, itself last; what it only copies from is none of it."""
    upon = re.findall(
        r"^FROM \$\{LABGEN_([A-Z]+)\}$", (images[name].path / "Dockerfile").read_text(), re.MULTILINE
    )
    below = foundations(images, upon[-1].lower()) if upon else []
    return [*below, images[name]]


def test_a_change_of_code_installs_no_packages_anew() -> None:
    """Code comes last: no image that installs packages is built upon one that has code of ours."""
    images = read(images_dir())
    texts = {name: (one.path / "Dockerfile").read_text() for name, one in images.items()}
    for name in images:
        *below, last = [(one.name, texts[one.name]) for one in foundations(images, name)]
        if "apt-get" in last[1]:
            assert [one for one, text in below if re.search(r"^COPY .*labgen_", text, re.MULTILINE)] == []
        after = re.split(r"^COPY .*labgen_", last[1], maxsplit=1, flags=re.MULTILINE)[1:]
        assert not any("apt-get" in text for text in after), name
    assert [one.name for one in foundations(images, "stub")] == ["base", "python", "stub"]
    assert "aim" in images["stub"].depends
    assert [one.name for one in foundations(images, "probe")] == ["base", "probe"]
    assert "stub" in images["probe"].depends


def test_shipped_images_can_be_read() -> None:
    images = read(images_dir())
    assert next(iter(images)) == "base"
    assert all(image.depends or image.suites for image in images.values()), "what is it built upon?"


def test_nothing_of_a_server_is_where_nodes_have_the_probe() -> None:
    """The volume that they have there would hide it, and fill itself with it."""
    held = {
        path.relative_to(images_dir()).parts[0]
        for path in images_dir().rglob("*")
        if path.is_file() and PROBE_FOLDER.encode() in path.read_bytes()
    }
    assert held == {"probe"}
