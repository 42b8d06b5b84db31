"""What was measured, as it came: the answers of every probe, and why one gave none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.verify.look import Look
    from labgen.verify.questions import Target

__all__ = ["Answers", "Measurement"]


@dataclass
class Answers:
    """One participant's answers.

    `sweep` has the probe's result for each target that was asked, `names` and `dialogues` are by name and
    by dialogue id, each as the probe gave it (images/probe). `broke` says why there are none.
    """

    look: Look | None = None
    targets: list[Target] = field(default_factory=list)
    sweep: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    names: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    dialogues: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    broke: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """All answers by participant; `stopped` are nodes that do not run, with the engine's own words."""

    answers: Mapping[str, Answers]
    stopped: Mapping[str, str]
    canaries: Mapping[str, int]
    seconds: float
