"""The images that the engine has, and those that it should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.errors import InvalidInput
from labgen.images import read_images, wanted_images
from labgen.names import Label
from labgen.nearest import did_you_mean
from labgen.render.templates import load_service
from labgen.units import format_bytes
from labgen.verify.session import PROBE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.engine.client import Engine
    from labgen.images import ImageFolder

__all__ = ["remove_images", "shipped_images", "stock"]


def shipped_images(names: Sequence[str] | None = None) -> list[ImageFolder]:
    """Return the images `names` with their parents; all that templates and the probe use without any.

    Raises InvalidInput for an unknown name.
    """
    folders = read_images(images_dir())
    for name in names or ():
        if name not in folders:
            raise InvalidInput(f"there is no image '{name}'{did_you_mean(name, folders)}")
    if names:
        return wanted_images(folders, set(names))
    used = {PROBE_IMAGE} | {
        load_service(templates_dir() / role.template).image
        for role in default_catalogue().roles.values()
        if role.template
    }
    return wanted_images(folders, used & set(folders))


def stock(engine: Engine, *, human: bool) -> list[dict[str, Any]]:
    """Return a row per image folder: name, tag, parent, state, size (bytes, or for people)."""
    sizes = {
        tag: int(one["Size"])
        for one in engine.sdk.api.images(filters={"label": Label.IMAGE})
        for tag in one.get("RepoTags") or ()
    }
    return [
        {
            "image": image.name,
            "tag": image.tag,
            "parent": ", ".join([*image.depends, *(f"debian:{suite}" for suite in image.suites)]),
            "state": "ok" if image.tag in sizes else "missing",
            "size": (format_bytes(sizes[image.tag]) if image.tag in sizes else "")
            if human
            else sizes.get(image.tag),
        }
        for image in read_images(images_dir()).values()
    ]


def remove_images(engine: Engine, *, only_old: bool) -> tuple[int, int]:
    """Remove labgen's images that no container uses; return how many went and how many stay."""
    present = {image.tag for image in read_images(images_dir()).values()}
    removed = kept = 0
    for one in engine.sdk.api.images(filters={"label": Label.IMAGE}):
        for tag in one.get("RepoTags") or ():
            if only_old and tag in present:
                continue
            try:
                engine.sdk.api.remove_image(tag)
                removed += 1
            except APIError:
                kept += 1
    return removed, kept
