"""Shows the engine's events: a live table on a terminal, one plain line per change elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from labgen.engine.events import Event, Subject

if TYPE_CHECKING:
    from labgen.engine.events import Emit

__all__ = ["Progress", "shown"]

_MARKS = {"healthy": "[green]✔[/]", "ready": "[green]✔[/]", "failed": "[red]✘[/]", "unhealthy": "[red]✘[/]"}


class Progress(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    QUIET = "quiet"


@contextmanager
def shown(style: Progress) -> Iterator[Emit]:
    """Give a listener that shows what it hears on stderr, as long as the context lasts."""
    if style is Progress.QUIET:
        yield lambda _event: None
    elif style is Progress.TTY or (style is Progress.AUTO and sys.stderr.isatty()):
        with _Live() as live:
            yield live.hear
    else:
        yield _Plain().hear


class _Plain:
    """One line per change of state, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._states: dict[tuple[Subject, str], str] = {}
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        with self._lock:
            key = (event.subject, event.name)
            if event.subject is not Subject.STEP and self._states.get(key) == event.state:
                return
            self._states[key] = event.state
            seconds = time.monotonic() - self._started
            detail = f" ({event.detail})" if event.detail else ""
            state = f" {event.state}" if event.state else ""
            subject = "" if event.subject is Subject.STEP else f"{event.subject} "
            sys.stderr.write(f"{seconds:6.1f}s {subject}{event.name}{state}{detail}\n")
            sys.stderr.flush()


class _Live:
    """A table that is drawn anew at most ten times a second: one line per image and node."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._started = time.monotonic()
        self._lines: dict[tuple[Subject, str], tuple[str, float, float | None]] = {}
        self._step = ""
        self._lock = threading.Lock()
        self._live = Live(
            console=Console(stderr=True), refresh_per_second=10, get_renderable=self._draw, transient=False
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)  # type: ignore[arg-type]  # handed on as they came

    def hear(self, event: Event) -> None:
        now = time.monotonic()
        with self._lock:
            if event.subject is Subject.STEP:
                self._step = event.name
                return
            key = (event.subject, event.name)
            state, since, _ = self._lines.get(key, ("", now, None))
            if state != event.state:
                ended = now if event.state in _MARKS else None
                self._lines[key] = (event.state, since, ended)

    def _draw(self) -> Any:
        from rich.table import Table

        now = time.monotonic()
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        with self._lock:
            for (subject, name), (state, since, ended) in self._lines.items():
                shown_name = f"image {name}" if subject is Subject.IMAGE else name
                table.add_row(
                    _MARKS.get(state, "[yellow]…[/]"), shown_name, state, f"{(ended or now) - since:.1f}s"
                )
            table.add_row("", f"[bold]{self._step}[/]", "", f"{now - self._started:.1f}s")
        return table
