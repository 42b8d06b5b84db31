"""A truth table as the page shows it: cards of differences, rows of marks, lines of connections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from labgen.verify.report.groups import grouped
from labgen.verify.report.wording import (
    KINDS,
    MARKS,
    between,
    closed_words,
    documented_rows,
    few,
    place,
    row_words,
    works,
)
from labgen.verify.table import State

if TYPE_CHECKING:
    from labgen.verify.report.groups import Group
    from labgen.verify.table import Cell, Dialogue, Difference, Kind, NodeReport, TruthTable

__all__ = ["Card", "Item", "Line", "Mark", "View"]

_TEXT_NOT_PICTURE = "\ufe0e"  # after a mark that some systems would draw as a picture


@dataclass(frozen=True, slots=True)
class Item:
    """One difference. `pair` is `source-destination`, or the source, as numbers of nodes."""

    pair: str
    about: str
    title: str
    difference: Difference
    row: str


@dataclass(frozen=True, slots=True)
class Card:
    """Differences that are told together; `at_it` is what a node that does not run brings with it."""

    id: str
    about: str
    questions: str
    row: str
    items: tuple[Item, ...]
    at_it: tuple[Item, ...]

    @property
    def size(self) -> int:
        """How many differences of its kind it tells."""
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell of the matrix. `href` leads to what there is to read about it on the page; it may be empty."""

    state: State
    mark: str
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Line:
    """One documented connection between two nodes; `first` marks the first of its pair."""

    pair: str
    first: bool
    cell: Cell
    dialogue: Dialogue
    state: State


class View:
    """Everything the template asks for, made once per page."""

    def __init__(self, table: TruthTable) -> None:
        self.table = table
        self._number = {node.name: number for number, node in enumerate(table.nodes)}
        self._rows = documented_rows(table)

    @cached_property
    def sections(self) -> list[tuple[Kind, str, list[Card]]]:
        """The cards by kind: (kind, title, cards), in the order to read them."""
        groups = grouped(self.table.differences)
        cards = [(group.first.kind, self._card(group, number)) for number, group in enumerate(groups)]
        by_kind = [
            (kind, title, [card for one, card in cards if one is kind]) for kind, title in KINDS.items()
        ]
        return [one for one in by_kind if one[2]]

    @cached_property
    def matrix(self) -> list[tuple[NodeReport, list[Mark | None]]]:
        """The rows of the matrix: (source, marks); no mark from a source to itself, nor where none asked."""
        return [
            (source, [self._mark(source, one) for one in self.table.nodes]) for source in self.table.nodes
        ]

    @cached_property
    def lines(self) -> list[Line]:
        """Every documented connection, in the order of the cells."""
        return [
            Line(self._pair(cell.source, cell.destination), not index, cell, one, self._state(cell, one))
            for cell in self.table.cells
            for index, one in enumerate(cell.dialogues)
        ]

    @cached_property
    def sites(self) -> list[str]:
        """Where nodes are, each place once."""
        return list(dict.fromkeys(place(node) for node in self.table.nodes))

    @cached_property
    def roles(self) -> list[str]:
        """Every role once."""
        return list(dict.fromkeys(node.role for node in self.table.nodes))

    @cached_property
    def _card_of(self) -> dict[Difference, str]:
        """The card of each difference, by its id."""
        return {
            item.difference: card.id
            for _, _, cards in self.sections
            for card in cards
            for item in (*card.items, *card.at_it)
        }

    def card_of(self, difference: Difference) -> str:
        """Return the id of the card that tells `difference`."""
        return self._card_of[difference]

    def _card(self, group: Group, number: int) -> Card:
        return Card(
            f"d-{number}",
            between(group.differences),
            few(one.question for one in group.differences if one.question),
            row_words(group.rows, self._rows),
            tuple(map(self._item, group.differences)),
            tuple(map(self._item, group.at_it)),
        )

    def _item(self, one: Difference) -> Item:
        return Item(
            self._pair(one.source, one.destination),
            between([one]),
            KINDS[one.kind],
            one,
            row_words(one.connection, self._rows),
        )

    def _pair(self, source: str, destination: str) -> str:
        there = self._number.get(destination)
        return f"{self._number[source]}" if there is None else f"{self._number[source]}-{there}"

    def _mark(self, source: NodeReport, destination: NodeReport) -> Mark | None:
        cell = self.table.by_pair.get((source.name, destination.name))
        if cell is None:
            return None
        words = [closed_words(cell) and f"nothing else: {closed_words(cell)}"]
        words += [f"{one.protocol} {one.ports} {one.outcome}" for one in cell.dialogues]
        words += [f"differs: {one.question} {one.found}" for one in cell.differences]
        label = f"{source.name} to {destination.name}, {cell.state}. {'; '.join(filter(None, words))}"
        mark = MARKS[cell.state] + (_TEXT_NOT_PICTURE if cell.state is State.CUT else "")
        return Mark(cell.state, mark, label, self._href(cell))

    def _href(self, cell: Cell) -> str:
        if cell.differences:
            return f"#{self.card_of(cell.differences[0])}"
        if cell.dialogues:
            return f"#c-{self._pair(cell.source, cell.destination)}"
        return f"#n-{self._number[cell.source]}" if cell.state is State.UNMEASURED else ""

    def _state(self, cell: Cell, one: Dialogue) -> State:
        """Return how one connection went, apart from the rest of its pair."""
        if (cell.source, cell.destination) in self.table.cuts:
            return State.EXTRA if works(one) else State.CUT
        if works(one):
            return State.SPOKEN
        return State.UNMEASURED if cell.state is State.UNMEASURED else State.MISSING
