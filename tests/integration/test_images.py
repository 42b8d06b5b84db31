"""Building images with the real builder: what works, and what is said when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.engine.build import build_images, missing_images
from labgen.engine.client import Engine
from labgen.engine.events import Event
from labgen.errors import LabgenError
from labgen.images import read_images


def folder(root: Path, name: str, dockerfile: str) -> None:
    (root / name).mkdir()
    (root / name / "Dockerfile").write_text(dockerfile)
    (root / name / "file").write_text("content")


def test_parents_first_and_never_twice(engine: Engine, tmp_path: Path) -> None:
    folder(tmp_path, "test-child", "ARG LABGEN_TEST_PARENT\nFROM ${LABGEN_TEST_PARENT}\nCOPY file /child\n")
    folder(tmp_path, "test-parent", "FROM scratch\nCOPY file /parent\n")
    images = list(read_images(tmp_path).values())
    heard: list[Event] = []
    try:
        build_images(engine, images, heard.append)
        assert [(one.name, one.state) for one in heard] == [
            ("test-parent", "building"),
            ("test-parent", "ready"),
            ("test-child", "building"),
            ("test-child", "ready"),
        ]
        assert missing_images(engine, images) == []
    finally:
        for image in reversed(images):
            engine.sdk.images.remove(image.tag)


def test_an_image_that_does_not_build(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "images").mkdir()
    folder(tmp_path / "images", "test-broken", "FROM scratch\nCOPY nothing-of-this-name /file\n")
    images = list(read_images(tmp_path / "images").values())
    with pytest.raises(LabgenError, match=r"^image 'test-broken' does not build:\n") as caught:
        build_images(engine, images, lambda _: None)
    assert "nothing-of-this-name" in caught.value.message
    log = tmp_path / "state" / "logs" / "build-test-broken.log"
    assert caught.value.hint == f"The whole log: {log}"
    assert "nothing-of-this-name" in log.read_text()
    assert missing_images(engine, images) == images
