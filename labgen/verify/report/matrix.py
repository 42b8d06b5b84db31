"""The matrix of a truth table as lines of text: sources in rows, destinations in columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from labgen.verify.report.wording import visible, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from labgen.verify.table import NodeReport, State, TruthTable

__all__ = ["Place", "matrix_lines", "places_that_fit"]

_ITSELF: Final = "\\"
_LEAST_NAME, _LEAST_COLUMNS = 8, 5


@dataclass(frozen=True, slots=True)
class Place:
    """A row and a column: a node, or all nodes of one role at one site. `faulty`: differences of its own."""

    label: str
    nodes: tuple[str, ...]
    faulty: bool


def places_that_fit(table: TruthTable, width: int) -> tuple[Place, ...]:
    """Return one place per node if that fits `width` columns, else one per role and site."""
    single = tuple(_place([node]) for node in table.nodes)
    if _room(single, width) >= len(single):
        return single
    groups: dict[tuple[str, str, bool], list[NodeReport]] = {}
    for node in table.nodes:
        groups.setdefault((node.role, node.site, node.actor), []).append(node)
    return tuple(_place(group) for group in groups.values())


def _place(nodes: Sequence[NodeReport]) -> Place:
    first = nodes[0]
    stems = {node.name.rpartition("-")[0] for node in nodes}
    stem = stems.pop() if len(stems) == 1 else first.role
    label = first.name if len(nodes) == 1 else f"{stem}-* ({len(nodes)})"
    return Place(
        visible(label), tuple(node.name for node in nodes), any(bool(node.differences) for node in nodes)
    )


def matrix_lines(
    table: TruthTable,
    places: Sequence[Place],
    width: int,
    marks: Mapping[State, str],
    paint: Callable[[str, State], str],
) -> Iterator[str]:
    """Yield the lines of the matrix; several blocks of columns when one does not fit `width`.

    `paint` colours a mark; what it adds takes no room.
    """
    digits = len(str(len(places)))
    name = _name_width(places, width)
    states = {pair: cell.state for pair, cell in table.by_pair.items()}

    def mark(row: Place, column: Place) -> str:
        if row is column and len(row.nodes) == 1:
            return _ITSELF
        state = worst(states[pair] for pair in product(row.nodes, column.nodes) if pair in states)
        return " " if state is None else paint(marks[state], state)

    numbered = list(enumerate(places, 1))
    room = _room(places, width)
    blocks = [numbered[start : start + room] for start in range(0, len(numbered), room)]
    for index, block in enumerate(blocks):
        if index:
            yield ""
        if len(blocks) > 1:
            yield f"to {block[0][0]}-{block[-1][0]} of {len(places)}"
        for digit in range(digits):
            heads = (str(number).rjust(digits)[digit] for number, _ in block)
            yield f"{'':{digits + name + 3}}{' '.join(heads)}".rstrip()
        for number, row in numbered:
            label = row.label if len(row.label) <= name else f"{row.label[: name - 2]}.."
            fault = "!" if row.faulty else " "
            cells = " ".join(mark(row, column) for _, column in block)
            yield f"{number:>{digits}} {label:<{name}}{fault} {cells}".rstrip()


def _name_width(places: Sequence[Place], width: int) -> int:
    return min(max(len(one.label) for one in places), max(_LEAST_NAME, width // 3))


def _room(places: Sequence[Place], width: int) -> int:
    """Return how many columns fit beside the names."""
    left = len(str(len(places))) + _name_width(places, width) + 3
    return max(_LEAST_COLUMNS, (width - left + 1) // 2)
