"""A figure, and how figures are measured and shown."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Figure", "interleaved", "seconds", "table"]


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


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| what | measured | aim |", "|---|---|---|"]
    lines += [f"| {one.what} | {one.measured} | {one.aim} |" for one in figures]
    return "\n".join(lines) + "\n"
