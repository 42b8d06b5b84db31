"""The name somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "what_there_is"]

_CLOSE = 60  # of 100: a slip or two in a short name


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known name nearest to `wrong`, or an empty string."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only a mistake pays for it

    found = process.extractOne(
        wrong, sorted(known), scorer=fuzz.ratio, processor=str.lower, score_cutoff=_CLOSE
    )
    return f" (did you mean '{found[0]}'?)" if found else ""


def what_there_is(wrong: str, known: Iterable[str]) -> str:
    """Return the name that `wrong` probably was meant to be, and all there are to choose from."""
    names = sorted(known)
    return f"{did_you_mean(wrong, names)}; there are: {', '.join(names)}"
