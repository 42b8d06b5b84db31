"""What the reports call things, and how they show text that somebody else wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labgen.verify.expect import HOST
from labgen.verify.table import Kind, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.verify.table import Cell, Dialogue, Difference, NodeReport, TruthTable

__all__ = [
    "ASCII_MARKS",
    "KINDS",
    "MARKS",
    "between",
    "closed_words",
    "documented_rows",
    "few",
    "place",
    "row_words",
    "visible",
    "works",
    "worst",
]

#: Every kind with its title, in the order in which people should read them.
KINDS: Final[Mapping[Kind, str]] = {
    Kind.NODE: "a node does not run as planned",
    Kind.CONNECTION: "a documented connection does not work",
    Kind.PORT: "a port is open that no document opens",
    Kind.ESCAPE: "there is a way out of the lab",
    Kind.CUT: "a wire that was cut still carries something",
    Kind.RULES: "the rules in force are not the rendered ones",
    Kind.LISTENER: "a server listens where no document has a port",
    Kind.NETWORK: "networks or addresses are not the planned ones",
    Kind.NAME: "a name does not resolve as planned",
    Kind.IPV6: "IPv6 is usable",
    Kind.PROBE: "the probe broke: nothing is known",
}
MARKS: Final[Mapping[State, str]] = {
    State.SPOKEN: "●",
    State.CLOSED: "·",
    State.CUT: "✂",
    State.UNMEASURED: "?",
    State.MISSING: "!",
    State.EXTRA: "✗",
}
ASCII_MARKS: Final[Mapping[State, str]] = {
    State.SPOKEN: "o",
    State.CLOSED: ".",
    State.CUT: "/",
    State.UNMEASURED: "?",
    State.MISSING: "!",
    State.EXTRA: "X",
}
# Of several pairs shown as one, a spoken one says more than a closed one.
_BY_WEIGHT: Final = (State.CLOSED, State.SPOKEN, State.CUT, State.UNMEASURED, State.MISSING, State.EXTRA)
_FEW, _ROWS = 3, 12


def worst(states: Iterable[State]) -> State | None:
    """Return what several pairs come to, shown as one; None for no pair at all."""
    return max(states, key=_BY_WEIGHT.index, default=None)


def works(dialogue: Dialogue) -> bool:
    """Whether a documented connection was there: some protocols can only be seen to be open."""
    return dialogue.outcome in {Outcome.SPOKEN, Outcome.OPEN}


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return `text` with everything that does not print as its escape (`\x1b`); `lines` keeps line ends.

    Evidence is what a server or a program said, so it can hold anything: control sequences for the
    terminal, marks that turn the direction of writing, characters that XML forbids, halves of surrogates.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or (lines and one == "\n") else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def few(names: Iterable[str], most: int = _FEW) -> str:
    """Return the first of `names`, each once: `api-1, m-1, ui-1 and 4 more`."""
    found = list(dict.fromkeys(names))
    rest = len(found) - most
    # "and 1 more" would take no less room than its name.
    return ", ".join(found) if rest < 2 else f"{', '.join(found[:most])} and {rest} more"  # noqa: PLR2004


def between(differences: Iterable[Difference]) -> str:
    """Return whom alike differences are between: `api-1, m-1 -> redis-1`, or `api-1` for its own."""
    found = list(differences)  # read twice
    sources = few(one.source for one in found)
    destinations = few(one.destination for one in found if one.destination)
    return f"{sources} -> {destinations}" if destinations else sources


def closed_words(cell: Cell) -> str:
    """Return the count of questions that were rightly closed: `112 refused, 3 timeout`."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in _sorted(cell.closed))


def _sorted(closed: Iterable[tuple[Outcome, int]]) -> list[tuple[Outcome, int]]:
    return sorted((one for one in closed if one[1]), key=lambda one: -one[1])


def documented_rows(table: TruthTable) -> dict[str, Dialogue]:
    """Return for each document row that the table holds one dialogue of it, by the row's id."""
    return {one.connection: one for cell in table.cells for one in cell.dialogues}


def row_words(connection: str, rows: Mapping[str, Dialogue]) -> str:
    """Return a document row: `row 13: redis 6379/tcp, volatile data (documented: W4)`; "" for none.

    What concerns a whole link names all rows of it: `rows 11, 13`.
    """
    row = rows.get(connection)
    if row is None:
        ids = connection.split()
        return f"row{'s' * (len(ids) > 1)} {few(ids, _ROWS)}" if ids else ""
    source = f"{row.provenance}: {row.reference}" if row.reference else row.provenance
    return f"row {connection}: {row.protocol} {row.ports}, {row.purpose} ({source})"


def place(node: NodeReport) -> str:
    """Return where a participant is, as listings show it: `dc1`, `outside (dc1)`, `this machine`."""
    if node.name == HOST:
        return "this machine"
    return f"outside ({node.site})" if node.actor else node.site
