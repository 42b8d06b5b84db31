"""The image folders: which image is built upon which, and the tag that its contents give it.

A tag is a hash of everything that goes into an image, its parents' tags included: an unchanged image
keeps its tag, a changed one gets a new one, and so do all that are built upon it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from labgen.errors import InvalidInput
from labgen.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "ImageFolder",
    "image_reference",
    "image_tags",
    "is_foreign",
    "read_images",
    "suite_tag",
    "wanted_images",
]

_PARENT: Final = re.compile(r"^ARG (LABGEN|SUITE)_([A-Z0-9_]+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """One folder of images/. `parents` maps build arguments to tags; `suites` are Debian suites needed."""

    name: str
    path: Path
    tag: str
    parents: dict[str, str]
    depends: tuple[str, ...]
    suites: tuple[str, ...]


def suite_tag(suite: str) -> str:
    """Return the tag of a bare Debian of `suite`."""
    return f"labgen/debian:{suite}"


def is_foreign(image: str) -> bool:
    """Whether `image` is a reference to pull or that the engine has, rather than a folder of images/."""
    return "/" in image or ":" in image


def image_reference(image: str, tags: Mapping[str, str], place: str) -> str:
    """Return the reference that the engine knows `image` by; `tags` has a tag per folder of images/.

    Raises InvalidInput, naming `place`, when it is neither such a folder nor a full reference.
    """
    if is_foreign(image):
        return image
    if image not in tags:
        raise InvalidInput(
            f"{place}: there is no image '{image}'{did_you_mean(image, tags)}",
            "Name a folder of images/, or a reference with a tag (vendor/api:6.1).",
        )
    return tags[image]


@cache
def read_images(folder: Path) -> dict[str, ImageFolder]:
    """Return every image below `folder` by name, parents before children.

    Raises InvalidInput when a Dockerfile names a parent that does not exist, or itself.
    """
    found: dict[str, ImageFolder] = {}
    names = sorted(path.parent.name for path in folder.glob("*/Dockerfile"))
    for name in names:
        _read(folder, name, names, found, ())
    return found


def image_tags(folder: Path) -> dict[str, str]:
    """Return the tag of every image below `folder` by its name. Raises as `read_images`."""
    return {image.name: image.tag for image in read_images(folder).values()}


def wanted_images(images: dict[str, ImageFolder], names: set[str]) -> list[ImageFolder]:
    """Return the images `names` and all that they are built upon, parents first."""
    wanted = set(names)
    for image in reversed(images.values()):
        if image.name in wanted:
            wanted.update(image.depends)
    return [image for image in images.values() if image.name in wanted]


def _read(
    folder: Path, name: str, names: list[str], found: dict[str, ImageFolder], seen: tuple[str, ...]
) -> ImageFolder:
    if name in found:
        return found[name]
    if name in seen:
        raise InvalidInput(f"{folder}: the images {' -> '.join((*seen, name))} are built upon each other")
    path = folder / name
    digest = hashlib.sha256()
    parents: dict[str, str] = {}
    depends: list[str] = []
    suites: list[str] = []
    for kind, argument in _PARENT.findall((path / "Dockerfile").read_text("utf-8")):
        parent = argument.lower().replace("_", "-")
        if kind == "SUITE":
            suites.append(parent)
            parents[f"SUITE_{argument}"] = suite_tag(parent)
            continue
        if parent not in names:
            raise InvalidInput(
                f"{path / 'Dockerfile'}: there is no image '{parent}'{did_you_mean(parent, names)}"
            )
        depends.append(parent)
        parents[f"LABGEN_{argument}"] = _read(folder, parent, names, found, (*seen, name)).tag
    for argument, tag in sorted(parents.items()):
        digest.update(f"{argument}={tag}\0".encode())
    for file in sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            mode = "x" if file.stat().st_mode & 0o100 else "-"
            digest.update(f"{file.relative_to(path)}\0{mode}\0".encode() + file.read_bytes() + b"\0")
    found[name] = ImageFolder(
        name,
        path,
        f"labgen/{name}:{digest.hexdigest()[:12]}",
        parents,
        tuple(dict.fromkeys(depends)),
        tuple(suites),
    )
    return found[name]
