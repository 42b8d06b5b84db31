"""The counts of a truth table, and the sentence that sums it up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen.verify.expect import HOST
from labgen.verify.report.wording import visible, works
from labgen.verify.table import Kind, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.verify.table import TruthTable

__all__ = ["Tally", "count", "sentence", "tally_of"]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of each. `nodes` is without this machine; `documented` counts dialogues of rows.

    `closed` counts questions between participants; `differences` is without the broken probes, which are
    `broken`. `states` counts ordered pairs.
    """

    nodes: int
    pairs: int
    documented: int
    spoken: int
    cut: int
    closed: int
    differences: int
    broken: int
    states: Mapping[State, int]


def tally_of(table: TruthTable) -> Tally:
    """Count everything in `table`."""
    cuts = set(table.cuts)
    # Who follows a leader has no port to be spoken to.
    dialogues = [(cell, one) for cell in table.cells for one in cell.dialogues if not one.follows]
    broken = sum(one.kind is Kind.PROBE for one in table.differences)
    states = Counter(cell.state for cell in table.cells)
    return Tally(
        nodes=sum(node.name != HOST for node in table.nodes),
        pairs=len(table.cells),
        documented=len(dialogues),
        spoken=sum(works(one) for _, one in dialogues),
        cut=sum((cell.source, cell.destination) in cuts and not works(one) for cell, one in dialogues),
        closed=sum(number for cell in table.cells for _, number in cell.closed),
        differences=len(table.differences) - broken,
        broken=broken,
        states={state: states[state] for state in State},
    )


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 node`, `1,021 nodes`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def sentence(table: TruthTable) -> str:
    """Return the result in one line: nodes, pairs, what was spoken and closed, differences, seconds."""
    tally = tally_of(table)
    of = "" if tally.spoken == tally.documented else f"{tally.spoken:,} of "
    unmeasured = tally.states[State.UNMEASURED]
    parts = [
        count(tally.nodes, "node"),
        count(tally.pairs, "ordered pair"),
        f"{of}{count(tally.documented, 'documented connection')} spoken",
        f"{tally.cut:,} cut" if tally.cut else "",
        f"{count(tally.closed, 'other question')} closed",
        f"{count(unmeasured, 'pair')} unmeasured" if unmeasured else "",
        count(tally.differences, "difference"),
        count(tally.broken, "broken probe") if tally.broken else "",
        f"{table.seconds:.1f} s",
    ]
    only = f", only {visible(table.only)}" if table.only else ""
    off = "" if table.firewall else ", without its firewall"
    return f"lab '{table.lab}'{only}{off}: {', '.join(part for part in parts if part)}"
