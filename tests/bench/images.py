"""The images: what they take on disk together, and how long they take from nothing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

from labgen.engine.build import build_images
from labgen.engine.client import Engine, connect
from labgen.engine.events import ignore
from labgen.engine.stock import shipped_images
from labgen.images import suite_tag
from labgen.units import format_bytes
from tests.bench.figures import Figure, seconds

_AIM_SIZE = "at most 2.2GiB"


def figures(*, cold: bool) -> list[Figure]:
    """Measure the layers of all shipped images, each counted once; build them anew when `cold`."""
    engine = connect()
    images = shipped_images()
    found = [
        Figure(
            f"{len(images)} images together, each layer counted once",
            format_bytes(_unique_bytes(engine, [image.tag for image in images])),
            _AIM_SIZE,
        )
    ]
    if cold:
        taken = seconds(lambda: _build_cold(engine))
        found.append(
            Figure("all images from nothing, bare Debian included", f"{taken / 60:.1f} min", "at most 6 min")
        )
    return found


def _unique_bytes(engine: Engine, tags: list[str]) -> int:
    api: Any = engine.sdk.api  # these two calls have no types
    layers: dict[str, int] = {}
    for tag in tags:
        diffs = api.inspect_image(tag)["RootFS"]["Layers"]
        # The history is newest first, and its entries without a layer take nothing.
        sizes = [one["Size"] for one in reversed(api.history(tag)) if one["Size"] or not _empty(one)]
        layers.update(zip(diffs, sizes[-len(diffs) :], strict=False))
    return sum(layers.values())


def _empty(entry: dict[str, object]) -> bool:
    return str(entry.get("CreatedBy", "")).split(" ")[0] in {
        "ENV",
        "CMD",
        "ENTRYPOINT",
        "ARG",
        "USER",
        "WORKDIR",
    }


def _build_cold(engine: Engine) -> None:
    """Build every image under a tag of its own, without any cache, and remove them again."""
    images = shipped_images()
    mark = "-cold"
    suites = {suite for image in images for suite in image.suites}
    kept = {suite: f"{suite_tag(suite)}-kept" for suite in suites}
    for suite, tag in kept.items():
        subprocess.run(["docker", "tag", suite_tag(suite), tag], check=True)
        subprocess.run(["docker", "rmi", suite_tag(suite)], check=True, capture_output=True)
    cold = [
        replace(
            image,
            tag=image.tag + mark,
            parents={
                key: tag + mark if key.startswith("LABGEN_") else tag for key, tag in image.parents.items()
            },
        )
        for image in images
    ]
    try:
        build_images(engine, cold, ignore, cache=False)
    finally:
        for image in reversed(cold):
            subprocess.run(["docker", "rmi", image.tag], check=False, capture_output=True)
        for suite, tag in kept.items():
            subprocess.run(["docker", "tag", tag, suite_tag(suite)], check=True)
            subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)
