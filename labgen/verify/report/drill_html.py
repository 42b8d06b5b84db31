"""A drill as one HTML page that needs nothing else: who notices the loss of which wire.

What a node said is hostile text here: the template escapes everything, and the page's own policy lets no
script run and no style but the one that ships with it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from labgen.verify.report.drill_text import drill_sentence, noticed_words, seconds_words, well_words
from labgen.verify.report.wording import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

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


def drill_html(drill: Drill, plan: LabPlan) -> str:
    """Return `drill` as an HTML document; `plan` says what its rows are."""
    style = _part("page.css") + _part("drill.css")
    lines = [_line(one, drill, plan) for one in drill.trials]
    return _template().render(
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
        policy=f"default-src 'none'; style-src {_digest(style)}; base-uri 'none'; form-action 'none'",
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


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(_part("drill.html.j2"))


def _shown(value: Any) -> Any:
    """Make what does not print visible, before it is escaped."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return the source expression that allows exactly `text` (Content Security Policy, level 2)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
