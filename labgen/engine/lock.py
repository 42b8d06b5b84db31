"""One labgen at a time works on a lab."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from labgen.engine.events import Emit, Event, Subject
from labgen.engine.state import make_state_folder
from labgen.errors import LabgenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labgen.engine.state import LabState

__all__ = ["locked"]


@contextmanager
def locked(state: LabState, doing: str, emit: Emit, wait: float) -> Iterator[None]:
    """Hold the lab's lock. Waits up to `wait` seconds for another holder and says who it is.

    The kernel gives the lock back when its holder dies, whatever killed it. Raises LabgenError when
    the time is over.
    """
    make_state_folder(state.lock_file.parent)
    lock = FileLock(state.lock_file)
    note = state.lock_file.with_suffix(".holder")
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            emit(Event(Subject.STEP, f"waiting: {_holder(note)} works on lab '{state.name}'"))
            lock.acquire(timeout=wait, poll_interval=0.2)
    except Timeout as error:
        raise LabgenError(
            f"{_holder(note)} works on lab '{state.name}', and did not finish within {wait:.0f} s",
            "Wait for it, or end it.",
        ) from error
    try:
        started = time.strftime("%H:%M:%S")
        note.write_text(json.dumps({"pid": os.getpid(), "doing": doing, "since": started}), "utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        held = json.loads(note.read_text("utf-8"))
        return f"`labgen {held['doing']}` (process {held['pid']}, since {held['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another labgen"
