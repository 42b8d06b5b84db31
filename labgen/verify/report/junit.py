"""A truth table as JUnit XML, for what shows test results.

One test suite per source. A connection that was cut is skipped, a probe that broke is an error, and
every other difference a failure. What was not measured never passes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from labgen.verify.report.wording import KINDS, closed_words, place, row_words, visible, works
from labgen.verify.table import Kind, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from junitparser.junitparser import FinalResult

    from labgen.verify.table import Cell, Dialogue, Difference, NodeReport, TruthTable

__all__ = ["junit_of"]

#: Kinds that can be about one documented connection of a pair.
_OF_A_ROW: Final = frozenset({Kind.CONNECTION, Kind.CUT, Kind.PROBE})
_UNMEASURED: Final = "not measured: neither open nor closed"


def junit_of(table: TruthTable) -> str:
    """Return the JUnit XML document of `table`.

    A source's test cases: one per documented connection (`22 redis 6379/tcp -> dc1-redis-1`), one per
    destination for all else that was asked (`nothing else -> dc1-redis-1`), then what was asked of the
    source itself. Texts hold no control characters: they are written as escapes.
    """
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in table.cells:
        cells[cell.source].append(cell)
    document = JUnitXml(visible(f"labgen verify {table.lab}"))
    for node in table.nodes:
        suite = TestSuite(visible(node.name))
        for name, value in (("role", node.role), ("site", place(node)), ("enforced", node.enforced)):
            suite.add_property(name, visible(value))
        cases = [
            *(case for cell in cells[node.name] for case in _pair(cell, table)),
            *_node(node),
        ]
        for case in cases:
            case.classname = visible(f"{table.lab}.{node.name}")
        suite.add_testcases(cases)
        document.append(suite)  # type: ignore[no-untyped-call]
    document.update_statistics()  # type: ignore[no-untyped-call]
    # Sources are asked at the same time, so the sum of their times is nobody's.
    document.time = round(table.seconds, 3)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text.decode("utf-8")}\n'


def _pair(cell: Cell, table: TruthTable) -> Iterator[TestCase]:
    is_cut = (cell.source, cell.destination) in table.cuts
    rest = list(cell.differences)
    for one in cell.dialogues:
        mine = [fault for fault in rest if fault.connection == one.connection and fault.kind in _OF_A_ROW]
        rest = [fault for fault in rest if fault not in mine]
        yield _dialogue(cell, one, mine, is_cut=is_cut)
    case = _case(f"nothing else -> {cell.destination}", 0.0, closed_words(cell))
    if rest:
        _fail(case, rest)
    elif cell.state is State.UNMEASURED and not cell.differences:
        _end(case, Error(_UNMEASURED))
    yield case


def _dialogue(cell: Cell, one: Dialogue, mine: Sequence[Difference], *, is_cut: bool) -> TestCase:
    name = f"{one.connection} {one.protocol} {one.ports} -> {cell.destination}"
    said = f"{row_words(one.connection, {one.connection: one})}\n{one.outcome}: {one.evidence}"
    case = _case(name, one.ms / 1000, said)
    if mine:
        _fail(case, mine)
    elif is_cut:
        _end(case, Skipped("cut"))
    elif one.outcome is Outcome.FAILED:
        _end(case, Error(_UNMEASURED, Kind.PROBE), one.evidence)
    elif not (works(one) or one.follows):
        _end(case, Failure(f"expected spoken; found {one.outcome}", Kind.CONNECTION), one.evidence)
    return case


def _node(node: NodeReport) -> Iterator[TestCase]:
    for title, seen in node.checks:
        yield _case(title, 0.0, seen)
    by_kind: dict[Kind, list[Difference]] = defaultdict(list)
    for one in node.differences:
        by_kind[one.kind].append(one)
    for kind in KINDS:
        if kind in by_kind:
            case = _case(f"no difference: {kind}", 0.0, "")
            _fail(case, by_kind[kind])
            yield case


def _case(name: str, seconds: float, said: str) -> TestCase:
    case = TestCase(visible(name), time=round(seconds, 6))
    if said:
        case.system_out = visible(said, lines=True)
    return case


def _fail(case: TestCase, differences: Sequence[Difference]) -> None:
    failures = [one for one in differences if one.kind is not Kind.PROBE]
    first = (failures or differences)[0]
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    message = visible(f"{_asked(first)}: expected {first.expected}; found {first.found}{more}")
    result = Failure(message, first.kind) if failures else Error(message, first.kind)
    _end(case, result, "\n".join(_told(one) for one in differences))


def _end(case: TestCase, result: FinalResult, text: str = "") -> None:
    if text:
        result.text = visible(text, lines=True)
    case.result = result


def _asked(one: Difference) -> str:
    return f"{one.source} -> {one.destination} {one.question}" if one.destination else one.question


def _told(one: Difference) -> str:
    told = [f"{one.kind}: {_asked(one)}", f"  expected {one.expected}; found {one.found}"]
    told += [f"  {row_words(one.connection, {})}"] if one.connection else []
    told += [f"  seen: {one.evidence}"] if one.evidence else []
    return "\n".join(told)
