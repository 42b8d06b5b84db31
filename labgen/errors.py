"""What can go wrong, each with its exit code.

LabgenError (1, the operation failed)
├── InvalidInput (2, usage or invalid configuration)
├── EngineMissing (3, Docker is missing or too old)
├── NotReady (4, not ready in time)
└── Difference (5, verification found a difference)

A message says what is wrong, where, and what to do; `hint` is the way out, on a line of its own.
"""

from __future__ import annotations

__all__ = ["Difference", "EngineMissing", "InvalidInput", "LabgenError", "NotReady", "first_line"]


def first_line(error: BaseException) -> str:
    """Return what `error` says in one line; its kind, when it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class LabgenError(Exception):
    """The operation failed. The base of every error that labgen tells its user about."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InvalidInput(LabgenError):
    """What the user wrote (an option, `lab.yaml`, a template) cannot be used."""

    exit_code = 2


class EngineMissing(LabgenError):
    """No Docker engine answers, or it lacks what a lab needs."""

    exit_code = 3


class NotReady(LabgenError):
    """Some node was not healthy when the time was over."""

    exit_code = 4


class Difference(LabgenError):
    """The running lab does not match the documents."""

    exit_code = 5
