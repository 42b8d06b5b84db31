"""A drill as one HTML page that needs nothing else: who notices the loss of which wire, and what users feel.

What a node said is hostile text here: the template escapes everything, and the page's own policy lets no
script run and no style but the one that ships with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from labgen.verify.report.drill_text import (
    drill_sentence,
    felt_words,
    noticed_words,
    seconds_words,
    well_words,
)
from labgen.verify.report.page import digest, part, template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.catalogue.model import Connection
    from labgen.plan.model import LabPlan
    from labgen.verify.drill import Drill, Trial

__all__ = ["drill_html"]

#: Seconds below which a notice is early, and late from the second on; between them lies a check's patience.
_EARLY, _LATE = 3.0, 5.0


@dataclass(frozen=True, slots=True)
class _Cell:
    """One node and one wire: `text` is what stands there, `kind` its class, `label` what it means."""

    text: str
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One wire: its cells, in the order of the nodes, and its document rows."""

    trial: Trial
    name: str
    cells: Sequence[_Cell]
    rows: Sequence[Connection]
    noticed: Sequence[tuple[str, str]]
    well: str
    felt: str


def drill_html(drill: Drill, plan: LabPlan) -> str:
    """Return `drill` as an HTML document; `plan` says what its rows are."""
    style = part("page.css") + part("drill.css")
    lines = [_line(one, drill, plan) for one in drill.trials]
    return template("drill.html.j2").render(
        drill=drill,
        lines=lines,
        totals=[
            sum(one.node == name and one.lasting for trial in drill.trials for one in trial.notices)
            for name in drill.nodes
        ],
        sentence=drill_sentence(drill),
        early=seconds_words(_EARLY),
        late=seconds_words(_LATE),
        style=Markup(style),  # noqa: S704 - files that ship
        policy=f"default-src 'none'; style-src {digest(style)}; base-uri 'none'; form-action 'none'",
    )


def _line(trial: Trial, drill: Drill, plan: LabPlan) -> _Line:
    name = f"{trial.wire.one} - {trial.wire.other}"
    return _Line(
        trial=trial,
        name=name,
        cells=[_cell(trial, node, name) for node in drill.nodes],
        rows=[plan.connection_by_id[one] for one in trial.connections],
        noticed=[(noticed_words(one), one.said) for one in trial.notices],
        well=well_words(trial),
        felt=felt_words(trial),
    )


def _cell(trial: Trial, node: str, wire: str) -> _Cell:
    notice = next((one for one in trial.notices if one.node == node), None)
    if notice is not None and not notice.lasting:
        return _Cell(f"({notice.after:.1f})", "passing", f"{wire}: {noticed_words(notice)}")
    if notice is not None:
        kind = "early" if notice.after < _EARLY else "late" if notice.after >= _LATE else "between"
        return _Cell(f"{notice.after:.1f}", kind, f"{wire}: {noticed_words(notice)}")
    if node in trial.dependants:
        return _Cell("○", "unaware", f"{wire}: {node} uses it, and did not notice")
    if node in (trial.wire.one, trial.wire.other):
        return _Cell("□", "used", f"{wire}: {node} is its other end, and did not notice")
    return _Cell("", "far", f"{wire}: {node} did not notice")
