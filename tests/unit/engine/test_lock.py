"""One labgen at a time works on a lab; the others wait, say for whom, and give up in time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labgen.engine.lock import locked
from labgen.engine.state import LabState, lab_state
from labgen.errors import LabgenError
from tests.unit.engine.world import Heard

HOLDER = """\
import sys
from labgen.engine.events import ignore
from labgen.engine.lock import locked
from labgen.engine.state import lab_state
with locked(lab_state("lab"), "up lab", ignore, 1):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lab() -> LabState:
    return lab_state("lab")


@contextmanager
def held_elsewhere() -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock until the context ends, or it is killed."""
    call = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def holder_note(lab: LabState) -> Path:
    return lab.lock_file.with_suffix(".holder")


def test_the_holder_says_who_it_is_and_takes_it_back(lab: LabState, heard: Heard) -> None:
    with locked(lab, "up lab", heard, 1):
        text = holder_note(lab).read_text()
        assert f'"pid": {os.getpid()}' in text
        assert '"doing": "up lab"' in text
    assert not holder_note(lab).exists()
    assert heard == []


def test_the_next_may_have_it_after_a_failure(lab: LabState, heard: Heard) -> None:
    with pytest.raises(ZeroDivisionError), locked(lab, "up lab", heard, 1):
        _ = 1 / 0
    with locked(lab, "up lab", heard, 0):
        pass
    assert heard == []


def test_one_who_waits_in_vain_says_for_whom(lab: LabState, heard: Heard) -> None:
    with (
        held_elsewhere() as holder,
        pytest.raises(LabgenError) as caught,
        locked(lab, "down lab", heard, 0.01),
    ):
        pytest.fail("two hold the lock")
    who = rf"`labgen up lab` \(process {holder.pid}, since \d\d:\d\d:\d\d\) works on lab 'lab'"
    assert caught.value.exit_code == 1
    assert caught.value.hint == "Wait for it, or end it."
    assert caught.match(rf"^{who}, and did not finish within 0 s")
    (line,) = heard.lines
    assert re.fullmatch(rf"waiting: {who}", line)


def test_a_holder_that_is_killed_holds_nothing(lab: LabState, heard: Heard) -> None:
    with held_elsewhere() as holder:
        holder.kill()
        holder.wait()
        assert holder_note(lab).exists(), "it had no time to take its note back"
        with locked(lab, "up lab", heard, 0):
            assert f'"pid": {os.getpid()}' in holder_note(lab).read_text()
    assert heard == []


def test_one_who_waits_gets_it(lab: LabState, heard: Heard) -> None:
    waiting = threading.Event()

    def listen(event: object) -> None:
        heard.append(event)  # type: ignore[arg-type]  # an Event
        waiting.set()

    got: list[str] = []

    def wait() -> None:
        with locked(lab, "down lab", listen, 60):
            got.append("it")

    with locked(lab, "up lab", listen, 1):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert waiting.wait(10)
        assert got == []
    waiter.join(10)
    assert got == ["it"]
    assert len(heard) == 1


def test_a_lock_that_is_removed_while_held_keeps_nobody_out_of_line(lab: LabState, heard: Heard) -> None:
    """`down` removes the lock's file: whoever waited must not hold a file that nobody else finds."""
    waiting = threading.Event()
    got: list[bool] = []

    def listen(_event: object) -> None:
        waiting.set()

    def wait() -> None:
        with locked(lab, "up lab", listen, 60):
            # The one that waited holds the file that stands in the folder now.
            with pytest.raises(LabgenError), locked(lab, "up lab", heard, 0):
                pytest.fail("two hold the lock")
            got.append(lab.lock_file.exists())

    with locked(lab, "down lab", listen, 1):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert waiting.wait(10)
        lab.lock_file.unlink()
    waiter.join(10)
    assert got == [True]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"x"', '{"pid": 1}', "\xff"])
def test_a_note_that_cannot_be_read(lab: LabState, heard: Heard, text: str) -> None:
    with locked(lab, "up lab", heard, 0):
        holder_note(lab).write_text(text, "latin-1")
        with (
            pytest.raises(LabgenError, match=r"^another labgen works on lab 'lab', and did not finish"),
            locked(lab, "up lab", heard, 0),
        ):
            pytest.fail("two hold the lock")


def test_no_note_yet(lab: LabState, heard: Heard) -> None:
    with locked(lab, "up lab", heard, 0):
        holder_note(lab).unlink()
        with pytest.raises(LabgenError, match=r"^another labgen"), locked(lab, "up lab", heard, 0):
            pytest.fail("two hold the lock")


def test_a_state_folder_that_cannot_be_written(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "file" / "state"))
    with (
        pytest.raises(LabgenError, match=r"cannot be written") as caught,
        locked(lab_state("lab"), "up lab", heard, 0),
    ):
        pytest.fail("nothing was locked")
    assert "$LABGEN_STATE_DIR" in caught.value.hint
