"""The steps of one piece of work as they happen: what an answer tells, and who is at fault when one fails."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labgen_stub.messages import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen_stub.settings import Neighbour


class Journal:
    """What was done for one job, at which neighbour, by which connection, in how many milliseconds.

    Attributes:
        job: identity of the piece of work; what is done twice under it must have happened once.
        at: the neighbour of the step that is going on or that failed; empty outside of steps.
    """

    def __init__(self, job: str) -> None:
        self.job, self.at = job, ""
        self._steps: list[Step] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that succeeded, in order."""
        return tuple(self._steps)

    @contextmanager
    def step(self, name: str, neighbour: Neighbour) -> Iterator[None]:
        """Enclose what is asked of one neighbour. A failure leaves its name in `at`."""
        start, self.at = time.perf_counter(), neighbour.node
        yield
        ms = round((time.perf_counter() - start) * 1000, 1)
        self._steps.append(Step(name, neighbour.node, neighbour.connection, ms))
        self.at = ""
