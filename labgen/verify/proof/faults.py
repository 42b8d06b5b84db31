"""What stops a proof: a line that it does not understand. Nothing is ever passed over."""

from __future__ import annotations

from labgen.errors import LabgenError

__all__ = ["NotUnderstood"]


class NotUnderstood(LabgenError):
    """A rendered file holds something that the proof has no meaning for, so nothing is proved."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        """Name the file, the line (0: the file as a whole) and what is not understood."""
        place = f"{file}:{line}" if line else file
        super().__init__(
            f"{place}: the proof does not understand this: {problem}",
            "Nothing is proved. Render the lab again, or teach the proof what this means.",
        )
