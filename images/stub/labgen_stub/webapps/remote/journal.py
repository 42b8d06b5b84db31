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
    def asking(self, neighbour: Neighbour) -> Iterator[None]:
        """Enclose what is asked of one neighbour. A failure leaves its name in `at`."""
        before, self.at = self.at, neighbour.node
        yield
        self.at = before

    @contextmanager
    def step(self, name: str, neighbour: Neighbour) -> Iterator[None]:
        """Enclose a part of the work that is worth telling; as `asking` otherwise."""
        start = time.perf_counter()
        with self.asking(neighbour):
            yield
        ms = round((time.perf_counter() - start) * 1000, 1)
        self._steps.append(Step(name, neighbour.node, neighbour.connection, ms))
