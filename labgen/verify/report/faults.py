"""A drill of nodes: lines for a terminal, the whole in one sentence, and a document for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labgen.verify.report.drill_text import kept_words, seconds_words
from labgen.verify.report.tally import count

if TYPE_CHECKING:
    from labgen.verify.faults import Blow, Faults

__all__ = ["COLUMNS", "faults_document", "faults_rows", "faults_sentence"]

#: Keys of a line, with their headings.
COLUMNS: Final = {
    "nodes": "NODE",
    "kind": "FAULT",
    "affected": "USERS AFFECTED",
    "bound": "AT MOST",
    "failed": "REQUESTS FAILED",
    "back": "ALL WELL AFTER",
    "verdict": "",
}


def faults_rows(faults: Faults) -> list[dict[str, str]]:
    """Return a line for each fault, with the keys of COLUMNS."""
    return [
        {
            "nodes": ", ".join(one.nodes),
            "kind": str(one.kind),
            "affected": _affected(one),
            "bound": f"{one.bound:g} s" if one.spare and one.bound is not None else "-",
            "failed": str(one.impact.failed + one.healing.failed),
            "back": "not in time" if one.back is None else seconds_words(one.back),
            "verdict": "too long" if one.fault else "" if one.spare else "the only one",
        }
        for one in faults.blows
    ]


def faults_sentence(faults: Faults) -> str:
    """Return the whole in one line: how many faults, and what became of the writes that were accepted."""
    hits = count(len(faults.blows), "fault")
    kept = kept_words(faults.accepted, faults.lost)
    return f"lab '{faults.lab}': {hits} in {faults.seconds:.0f} s; {kept}"


def faults_document(faults: Faults) -> dict[str, Any]:
    """Return everything in `faults`, for `--format json`. Every key is always there; times are in seconds.

    - `lab`, `size`: text; `seconds`: how long all of it took; `fault`: what is not as it should be, or empty
    - `accepted`: how many writes users were told are done; `lost`: those of them that are not there
    - `faults`: a list of `nodes`, `kind`, `spare` (others of the role remained), `bound` (or null),
      `affected` (null: nobody was served before healing), `failed` (requests), `said` (what the first was
      told), `slowest` (request), `failed_after` (requests, after healing) and
      `affected_after` (null: still), `back` (until all were healthy;
      null when somebody was not in time) and `late` (these, with what is said of them)
    """
    return {
        "lab": faults.lab,
        "size": faults.size,
        "seconds": round(faults.seconds, 2),
        "fault": faults.fault,
        "accepted": faults.accepted,
        "lost": list(faults.lost),
        "faults": [_blow(one) for one in faults.blows],
    }


def _blow(one: Blow) -> dict[str, Any]:
    return {
        "nodes": list(one.nodes),
        "kind": str(one.kind),
        "spare": one.spare,
        "bound": one.bound,
        "affected": _rounded(one.impact.seconds),
        "failed": one.impact.failed,
        "said": one.impact.said,
        "slowest": round(one.impact.slowest, 2),
        "failed_after": one.healing.failed,
        "affected_after": _rounded(one.healing.seconds),
        "back": _rounded(one.back),
        "late": dict(one.late),
    }


def _affected(one: Blow) -> str:
    """Return how long users were affected, and how long again when the nodes came back."""
    words = []
    if one.impact.failed:
        seconds = one.impact.seconds
        words.append("until it was over" if seconds is None else seconds_words(seconds))
    if one.healing.failed and one.impact.seconds is not None:
        seconds = one.healing.seconds
        words.append("still" if seconds is None else f"{seconds_words(seconds)} when back")
    return ", ".join(words) or "no"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
