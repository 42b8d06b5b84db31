"""Progress: one plain line per change where nobody watches, a table where somebody does."""

from __future__ import annotations

import io
import re
import threading
from contextlib import redirect_stderr

import pytest

from labgen.cli.progress import Progress, shown
from labgen.engine.events import Event, Subject


class Terminal(io.StringIO):
    """A terminal that holds what was drawn."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "50")
    return Terminal()


def node(name: str, state: str, detail: str = "") -> Event:
    return Event(Subject.NODE, name, state, detail)


def test_one_line_per_change_and_none_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Progress.PLAIN) as emit:
        for event in (
            Event(Subject.STEP, "building 2 images"),
            Event(Subject.IMAGE, "api-1", "ready"),
            node("api-1", "starting"),
            node("api-1", "starting"),
            node("ui-1", "starting"),
            node("api-1", "healthy"),
            node("api-1", "healthy"),
            node("api-1", "starting", "again"),
        ):
            emit(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.sub(r"^ +\d+\.\ds ", "", err, flags=re.MULTILINE).splitlines() == [
        "building 2 images",
        "image api-1 ready",
        "node api-1 starting",
        "node ui-1 starting",
        "node api-1 healthy",
        "node api-1 starting (again)",
    ]


def test_steps_are_always_said(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Progress.PLAIN) as emit:
        emit(Event(Subject.STEP, "waiting"))
        emit(Event(Subject.STEP, "waiting"))
    assert capsys.readouterr().err.count("waiting\n") == 2


def test_lines_of_several_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Progress.PLAIN) as emit:
        threads = [
            threading.Thread(target=lambda n=number: [emit(node(f"n{n}", str(i))) for i in range(50)])
            for number in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 200
    assert all(re.fullmatch(r" +\d+\.\ds node n\d \d+", line) for line in lines)


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Progress.QUIET) as emit:
        emit(node("api-1", "healthy"))
    assert capsys.readouterr() == ("", "")


def test_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Progress.AUTO) as emit:
        emit(node("api-1", "healthy"))
    assert capsys.readouterr().err.endswith("node api-1 healthy\n")


def plain(text: str) -> list[str]:
    """Return what is on the screen at the end: the last table that was drawn, without colours."""
    bare = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")
    return [" ".join(line.split()) for line in bare.splitlines() if line.strip()]


@pytest.mark.parametrize("style", [Progress.AUTO, Progress.TTY])
def test_a_table_on_a_terminal(terminal: Terminal, style: Progress) -> None:
    with redirect_stderr(terminal), shown(style) as emit:
        emit(Event(Subject.STEP, "starting 3 nodes on 1 links"))
        emit(Event(Subject.IMAGE, "redis", "ready"))
        emit(node("api-1", "starting"))
        emit(node("api-1", "healthy"))
        emit(node("ui-1", "unhealthy"))
        emit(node("m-1", "starting"))
    last = [re.sub(r" \d+\.\ds$", "", line) for line in plain(terminal.getvalue())[-5:]]
    assert last == [
        "✔ image redis ready",
        "✔ api-1 healthy",
        "✘ ui-1 unhealthy",
        "… m-1 starting",
        "starting 3 nodes on 1 links",
    ]


def test_a_table_of_nothing(terminal: Terminal) -> None:
    with redirect_stderr(terminal), shown(Progress.TTY):
        pass
    (line,) = plain(terminal.getvalue())
    assert re.fullmatch(r"\d+\.\ds", line), "the time alone"


def test_an_error_leaves_the_table_and_goes_on(terminal: Terminal) -> None:
    def interrupted() -> None:
        with redirect_stderr(terminal), shown(Progress.TTY) as emit:
            emit(node("api-1", "starting"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "… api-1 starting" in " ".join(plain(terminal.getvalue()))
    assert terminal.getvalue().rstrip().endswith("\x1b[?25h"), "the cursor is shown again"
