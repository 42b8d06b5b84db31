"""A drill for a terminal: a line for each wire, and the whole in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labgen.verify.report.tally import count
from labgen.verify.report.wording import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.verify.drill import Drill, Notice, Trial

__all__ = [
    "COLUMNS",
    "drill_rows",
    "drill_sentence",
    "felt_words",
    "kept_words",
    "noticed_words",
    "seconds_words",
    "well_words",
]

#: Keys of a line, with their headings.
COLUMNS: Final = {
    "wire": "WIRE",
    "rows": "ROWS",
    "noticed": "NOTICED BY",
    "well": "WELL AGAIN AFTER",
    "affected": "USERS AFFECTED",
    "failed": "REQUESTS FAILED",
}


def drill_rows(drill: Drill) -> list[dict[str, str]]:
    """Return a line for each wire, with the keys of COLUMNS."""
    return [
        {
            "wire": f"{one.wire.one} - {one.wire.other}",
            "rows": ", ".join(one.connections),
            "noticed": _noticed(one),
            "well": well_words(one),
            "affected": felt_words(one),
            "failed": "-" if one.felt is None else str(one.felt.impact.failed),
        }
        for one in drill.trials
    ]


def drill_sentence(drill: Drill) -> str:
    """Return the whole in one line: how many wires, how many were noticed, what became of users' writes."""
    noticed = sum(any(notice.lasting for notice in one.notices) for one in drill.trials)
    well = all(not one.late for one in drill.trials)
    return (
        f"lab '{drill.lab}': {count(len(drill.trials), 'wire')} cut and healed in {drill.seconds:.0f} s; "
        f"somebody noticed {noticed}, nobody {len(drill.trials) - noticed}"
        + ("; everybody is well again" if well and not drill.fault else "")
        + f"; {drill.unknown or kept_words(drill.accepted, drill.lost)}"
    )


def kept_words(accepted: int, lost: Sequence[str]) -> str:
    """Return what became of the writes that users were told are done."""
    kept = f"{len(lost)} of them lost" if lost else "none of them lost"
    return f"{count(accepted, 'write')} accepted meanwhile, {kept}"


def noticed_words(notice: Notice) -> str:
    """Return `api-1 after 2.5 s`; `(api-1 from 2.5 s to 4.0 s)` when it was well again before its wire."""
    if notice.over is None:
        return f"{visible(notice.node)} after {seconds_words(notice.after)}"
    return f"({visible(notice.node)} from {seconds_words(notice.after)} to {seconds_words(notice.over)})"


def _noticed(trial: Trial) -> str:
    lasting = [noticed_words(one) for one in trial.notices if one.lasting] or ["nobody"]
    return ", ".join([*lasting, *(noticed_words(one) for one in trial.notices if not one.lasting)])


def well_words(trial: Trial) -> str:
    """Return how long everybody took to be well again; empty when nobody was unwell."""
    if trial.well_after is None:
        return f"not in time: {', '.join(one.node for one in trial.late)}"
    return seconds_words(trial.well_after) if any(one.lasting for one in trial.notices) else ""


def felt_words(trial: Trial) -> str:
    """Return how long users were affected, and whether it was over before the wire was healed."""
    if trial.felt is None:
        return "-"
    if not trial.felt.impact.failed:
        return "no"
    if trial.felt.impact.seconds is None:
        return "still"
    return seconds_words(trial.felt.impact.seconds) + ("" if trial.felt.alone else ", until healed")


def seconds_words(seconds: float) -> str:
    """Return `2.5 s`."""
    return f"{seconds:.1f} s"
