"""A truth table for a terminal: what differs, the matrix, and the result in one sentence."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.color import ColorSystem
from rich.style import Style

from labgen.verify.report.groups import grouped, shown
from labgen.verify.report.matrix import matrix_lines, places_that_fit
from labgen.verify.report.tally import count, sentence, tally_of
from labgen.verify.report.wording import (
    ASCII_MARKS,
    KINDS,
    MARKS,
    between,
    documented_rows,
    few,
    row_words,
    visible,
)
from labgen.verify.table import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from labgen.verify.report.groups import Group
    from labgen.verify.report.matrix import Place
    from labgen.verify.table import Dialogue, TruthTable

__all__ = ["text_of"]

_LEAST_WIDTH: Final = 40
_SHOWN: Final = 40
_EVIDENCE: Final = 300  # characters
_TIE: Final = "\x00"  # a space at which no line ends; nothing visible holds it
_STYLES: Final = {
    State.SPOKEN: "green",
    State.CLOSED: "dim",
    State.CUT: "cyan",
    State.UNMEASURED: "yellow",
    State.MISSING: "bold red",
    State.EXTRA: "bold magenta",
}
_HEADING, _BAD, _GOOD = "bold", "bold red", "green"


def text_of(table: TruthTable, *, width: int = 100, colour: bool = False, ascii_only: bool = False) -> str:
    """Return `table` as text of at most `width` columns (40 at least), with a line end after its last line.

    Only the sentence at the end is one line however long it is, for programs that look for it. Nothing
    that was seen in the lab reaches the terminal as a control character. `ascii_only` is for where stdout
    can encode no more.
    """
    width = max(width, _LEAST_WIDTH)

    def paint(text: str, style: str) -> str:
        return Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if colour else text

    marks = ASCII_MARKS if ascii_only else MARKS
    places = places_that_fit(table, width)
    lines = [
        *_differences(table, width, paint),
        *matrix_lines(table, places, width, marks, lambda mark, state: paint(mark, _STYLES[state])),
        "",
        *_legend(table, places, width, marks),
        "",
        paint(sentence(table), _GOOD if table.equal else _BAD),
    ]
    text = "\n".join(lines) + "\n"
    return text.encode("ascii", "backslashreplace").decode("ascii") if ascii_only else text


def _differences(table: TruthTable, width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    groups = grouped(table.differences)
    listed = shown(groups, _SHOWN)
    if not groups:
        return
    tally = tally_of(table)
    broken = f", {count(tally.broken, 'broken probe')}" if tally.broken else ""
    yield paint(f"{count(tally.differences, 'difference')}{broken}", _BAD)
    rows = documented_rows(table)
    number = Counter(one.kind for group in groups for one in group.differences)
    for kind, title in KINDS.items():
        of_kind = [group for group in listed if group.first.kind is kind]
        if of_kind:
            yield ""
            for line in _wrapped(f"{title} ({number[kind]:,})", width, 0):
                yield paint(line, _HEADING)
        for group in of_kind:
            yield from _group(group, rows, width)
    hidden = sum(group.size for group in groups) - sum(group.size for group in listed)
    yield ""
    if hidden:
        yield f"and {hidden:,} more; --format json has them all"
        yield ""


def _group(group: Group, rows: Mapping[str, Dialogue], width: int) -> Iterator[str]:
    first = group.first
    questions = few(one.question for one in group.differences if one.question)
    asked = f": {questions}" if questions else ""
    yield from _wrapped(f"{between(group.differences)}{asked}", width, 2)
    many = f"{len(group.differences):,} times: " if len(group.differences) > 1 else ""
    yield from _wrapped(f"{many}expected {first.expected}; found {first.found}", width, 6)
    if group.rows:
        yield from _wrapped(row_words(group.rows, rows), width, 6)
    evidence = first.evidence.strip().replace("\n", " / ")
    if evidence:
        cut = f"{evidence[:_EVIDENCE]} ..." if len(evidence) > _EVIDENCE else evidence
        yield from _wrapped(f"seen: {cut}", width, 6)
    if group.at_it:
        kinds = Counter(one.kind for one in group.at_it)
        of_it = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kind in kinds)
        yield from _wrapped(f"and {len(group.at_it):,} more at it: {of_it}", width, 6)


def _legend(
    table: TruthTable, places: Sequence[Place], width: int, marks: Mapping[State, str]
) -> Iterator[str]:
    states = tally_of(table).states
    # A count never stands on another line than its mark.
    legend = "   ".join(f"{marks[state]}{_TIE}{states[state]:,}{_TIE}{state}" for state in State)
    yield from (line.replace(_TIE, " ") for line in _folded(f"rows reach columns:   {legend}", width))
    if len(places) < len(table.nodes):
        yield from _wrapped("-* (n): all n of one role at one site, as the worst of them", width, 0)
    if any(one.faulty for one in places):
        yield from _wrapped("! behind a name: something differs at the node itself", width, 0)
    if table.cuts:
        yield from _wrapped(f"cut: {few((f'{a} -> {b}' for a, b in table.cuts), 20)}", width, 0)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    """Return `text` in lines of at most `width`, the later ones two columns further in."""
    return _folded(visible(text), width, indent)


def _folded(text: str, width: int, indent: int = 0) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
