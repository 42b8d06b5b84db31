"""A figure, and how figures are measured and shown."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Figure", "interleaved", "merged", "seconds", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the page."""

    what: str
    measured: str
    aim: str


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def interleaved(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int,
    between: Callable[[], object] = lambda: None,
) -> tuple[float, float]:
    """Return the median seconds of both, taken in turn, so that a noisy machine is noisy for both.

    `between` clears up after each, and is not measured.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds):
        for index in (0, 1) if round_ % 2 == 0 else (1, 0):
            times[index].append(seconds((first, second)[index]))
            between()
    return statistics.median(times[0]), statistics.median(times[1])


def merged(page: str, figures: Iterable[Figure]) -> str:
    """Return a page with its table's lines replaced by those that were measured anew; new ones come last."""
    lines = page.splitlines()
    end = max(index for index, line in enumerate(lines) if line.startswith("|")) + 1
    for row in (_row(one) for one in figures):
        places = [index for index, line in enumerate(lines) if _subject(line) == _subject(row)]
        if places:
            lines[places[0]] = row
        else:
            lines.insert(end, row)
            end += 1
    return "\n".join(lines) + "\n"


def _row(one: Figure) -> str:
    return f"| {one.what} | {one.measured} | {one.aim} |"


def _subject(line: str) -> str:
    """Return what a line is about, whatever the numbers in it are; empty when it is none of a table."""
    return re.sub(r"\d[\d,.]*", "#", line.split(" | ", maxsplit=1)[0]) if line.startswith("| ") else ""


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| what | measured | aim |", "|---|---|---|"]
    lines += [_row(one) for one in figures]
    return "\n".join(lines) + "\n"
