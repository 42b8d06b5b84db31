"""What the engine tells while it works. The CLI shows it; nothing depends on how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Emit", "Event", "Subject", "ignore"]


class Subject(StrEnum):
    """What an event is about."""

    STEP = "step"
    IMAGE = "image"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Event:
    """`name` of an image or node is now in `state`; a step has its sentence in `name`."""

    subject: Subject
    name: str
    state: str = ""
    detail: str = ""


Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: for callers without an audience."""
