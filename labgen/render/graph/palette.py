"""Colours and words that all pictures share: one place, so that every legend says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.catalogue.model import Provenance

if TYPE_CHECKING:
    from labgen.render.graph.model import Picture

__all__ = ["CUT", "PROVENANCES", "STATES", "Ink", "kinds_of", "state_kind", "states_of"]


@dataclass(frozen=True, slots=True)
class Ink:
    """A colour on light and on dark paper, one between for paper of either kind, and what it means.

    `dash` is an SVG dash pattern, so that colour is never the only difference; empty for a solid line.
    """

    light: str
    dark: str
    middle: str
    meaning: str
    dash: str = ""


# Blue, orange and magenta stay apart for every common kind of colour blindness.
PROVENANCES: Final = {
    Provenance.DOCUMENTED: Ink("#0a60c2", "#58a6ff", "#2f81d6", "the vendor's documents say it"),
    Provenance.VENDOR_CODE: Ink(
        "#b35900", "#f0a03c", "#d07812", "the vendor's published code says it", "9 3"
    ),
    Provenance.INFERRED: Ink("#a8308c", "#f07fd0", "#c94fa8", "our deduction", "2 3"),
}
CUT: Final = Ink("#cf222e", "#ff6a69", "#dd3b3b", "a wire that is cut", "7 6")
STATES: Final = {
    "healthy": Ink("#1a7f37", "#3fb950", "#2da44e", "it answers its health check"),
    "starting": Ink("#9a6700", "#d9a514", "#bf8700", "not healthy yet"),
    "unhealthy": Ink("#cf222e", "#ff6a69", "#dd3b3b", "its health check fails"),
    "stopped": Ink("#59636e", "#9198a1", "#768390", "its container does not run"),
    "missing": Ink("#59636e", "#9198a1", "#768390", "it has no container"),
}
#: The engine knows more states than a picture needs to tell apart.
_LIKE: Final = {"created": "starting", "restarting": "unhealthy", "paused": "stopped"}


def state_kind(state: str) -> str:
    """Return the one of STATES that `state` looks like; an unknown one looks stopped."""
    kind = _LIKE.get(state, state)
    return kind if kind in STATES else "stopped"


def kinds_of(picture: Picture) -> list[Provenance]:
    """Return the provenances that a legend has to explain, best attested first."""
    found = {arrow.provenance for arrow in picture.arrows}
    return [one for one in PROVENANCES if one in found]


def states_of(picture: Picture) -> list[str]:
    """Return the kinds of state that a legend has to explain; none in the picture of a plan."""
    found = {state_kind(box.state) for box in picture.boxes if box.state is not None}
    return [one for one in STATES if one in found]
