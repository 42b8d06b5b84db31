"""Builds the images that a lab lacks, several at a time, parents before children."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from labgen.engine.bootstrap import ensure_suite
from labgen.engine.events import Emit, Event, Subject
from labgen.engine.state import make_state_folder, state_root
from labgen.errors import LabgenError
from labgen.names import Label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labgen.engine.client import Engine
    from labgen.images import ImageFolder

__all__ = ["build_images", "missing_images"]

_PARALLEL: Final = 3  # unpacking packages waits for the disk and the network as much as for a processor
_TAIL: Final = 15


def missing_images(engine: Engine, images: Iterable[ImageFolder]) -> list[ImageFolder]:
    """Return those of `images` that the engine does not have, in the same order."""
    listed = engine.sdk.api.images(filters={"label": Label.IMAGE})
    present = {tag for one in listed for tag in one.get("RepoTags") or ()}
    return [image for image in images if image.tag not in present]


def build_images(engine: Engine, images: Sequence[ImageFolder], emit: Emit, *, cache: bool = True) -> None:
    """Build `images` (parents first); `cache=False` forgets earlier builds.

    Raises LabgenError for the first that does not build: it holds the image, the last lines of its
    build, and where the whole log is.
    """
    for suite in dict.fromkeys(suite for image in images for suite in image.suites):
        ensure_suite(engine, suite, emit)
    waiting = {image.name: image for image in images}
    running: dict[Future[None], str] = {}
    stop = threading.Event()
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="build") as pool:
        try:
            while waiting or running:
                for name, image in list(waiting.items()):
                    if not {*waiting, *running.values()}.intersection(image.depends):
                        del waiting[name]
                        job = pool.submit(_build, engine, image, emit, stop, cache=cache)
                        running[job] = name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    future.result()
        except BaseException:
            stop.set()
            raise


def _build(engine: Engine, image: ImageFolder, emit: Emit, stop: threading.Event, *, cache: bool) -> None:
    from python_on_whales.exceptions import DockerException  # noqa: PLC0415 - only a build pays for it

    if stop.is_set():
        return
    emit(Event(Subject.IMAGE, image.name, "building"))
    log = make_state_folder(state_root() / "logs") / f"build-{image.name}.log"
    last: deque[str] = deque(maxlen=_TAIL)
    try:
        lines = engine.compose(None, "labgen").buildx.build(
            image.path,
            build_args=image.parents,
            tags=[image.tag],
            labels={Label.IMAGE: image.name},
            cache=cache,
            progress="plain",
            provenance=False,
            load=True,
            stream_logs=True,
        )
        with log.open("w", encoding="utf-8") as file:
            for line in lines:  # type: ignore[union-attr]  # an iterator, since the logs are streamed
                file.write(line if line.endswith("\n") else f"{line}\n")
                last.append(line.rstrip())
                if stop.is_set():
                    return
    except DockerException as error:
        emit(Event(Subject.IMAGE, image.name, "failed"))
        raise LabgenError(
            f"image '{image.name}' does not build:\n" + "\n".join(f"  {line}" for line in last),
            f"The whole log: {log}",
        ) from error
    emit(Event(Subject.IMAGE, image.name, "ready"))
