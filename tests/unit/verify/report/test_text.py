"""The text for terminals: what differs first, then the matrix, then the sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labgen.verify.report.text import text_of
from labgen.verify.report.wording import ASCII_MARKS, KINDS, MARKS
from labgen.verify.table import Difference, Kind, State, TruthTable
from tests.unit.verify.tables import HOSTILE, cut, every_kind, healthy, many_open, planted, stopped

GOLDEN = Path(__file__).resolve().parent / "golden"
COLOURS = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("good", {}),
        ("every", {}),
        ("every-narrow-ascii", {"width": 60, "ascii_only": True}),
        ("every-colour", {"colour": True}),
        ("wide-80", {"width": 80}),
        ("stopped", {}),
    ],
)
def test_the_text_is_as_recorded(name: str, options: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """After a change that is meant: `LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/verify/report`."""
    if name == "stopped":
        table = stopped(request.getfixturevalue("good"), "dc1-rs-1")
    else:
        table = request.getfixturevalue(name.partition("-")[0])
    text = text_of(table, **options)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("LABGEN_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    assert path.read_text("utf-8") == text


def marks_of(text: str, names: list[str], marks: Mapping[State, str]) -> dict[tuple[str, str], State]:
    """Read the matrix: every mark by source and destination, from all blocks of columns."""
    state_of = {mark: state for state, mark in marks.items()}
    found: dict[tuple[str, str], State] = {}
    lines = text.splitlines()
    digits = len(str(len(names)))
    for at in range(len(lines)):
        # The digits of the columns' numbers stand above one another.
        heads = lines[at : at + digits]
        if not all(re.fullmatch(r" {12,}[\d ]+", head) for head in heads):
            continue
        numbers = {
            column: int("".join(head.ljust(column + 1)[column] for head in heads))
            for column in range(len(heads[-1]))
            if heads[-1][column] != " "
        }
        for number, row in enumerate(lines[at + digits : at + digits + len(names)], 1):
            assert row.lstrip().startswith(f"{number} ")
            found |= {
                (names[number - 1], names[other - 1]): state_of[row[column]]
                for column, other in numbers.items()
                if row[column : column + 1] in state_of
            }
    return found


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_matrix_has_every_pair(every: TruthTable, width: int, *, ascii_only: bool) -> None:
    marks = ASCII_MARKS if ascii_only else MARKS
    names = [node.name for node in every.nodes]
    found = marks_of(text_of(every, width=width, ascii_only=ascii_only), names, marks)
    assert found == {pair: cell.state for pair, cell in every.by_pair.items()}


def test_nodes_that_do_not_fit_become_one_per_role_and_site(wide: TruthTable) -> None:
    extra = Difference(Kind.PORT, "dc2-guest-3", "dc2-hypervisor-2", "22/tcp", "refused", "open")
    table = planted(wide, extra)
    assert "guest-*" not in text_of(table, width=200)
    text = text_of(table, width=100)
    assert "-* (n): all n of one role at one site, as the worst of them" in text
    row = next(line for line in text.splitlines() if "dc2-guest-* (4)" in line)
    assert row.count(MARKS[State.EXTRA]) == 1
    assert not any(MARKS[State.EXTRA] in line for line in text.splitlines() if "dc1-guest-* (4)" in line)


@pytest.mark.parametrize("width", [1, 40, 61, 80, 100, 200])
@pytest.mark.parametrize("name", ["good", "every", "wide"])
def test_it_fits_the_width(name: str, width: int, request: pytest.FixtureRequest) -> None:
    lines = text_of(request.getfixturevalue(name), width=width).splitlines()
    assert max(map(len, lines[:-1])) <= max(width, 40)


def test_long_evidence_fits_and_ends(good: TruthTable) -> None:
    text = text_of(every_kind(good, "x" * 5000), width=80)
    assert max(map(len, text.splitlines()[:-1])) <= 80
    assert text.count("x") < 11 * 310
    assert "..." in text


def test_differences_then_matrix_then_sentence(every: TruthTable) -> None:
    text = text_of(every)
    at = [text.index(part) for part in ("10 differences, 1 broken probe\n", " 1 frontend-1", "lab 'small': ")]
    assert at == sorted(at)
    assert [text.index(title) for title in KINDS.values()] == sorted(map(text.index, KINDS.values()))


def test_the_sentence(good: TruthTable, every: TruthTable) -> None:
    assert text_of(good, width=40).splitlines()[-1] == (
        "lab 'small': 21 nodes, 462 ordered pairs, 52 documented connections spoken,"
        " 51,744 other questions closed, 0 differences, 2.6 s"
    )
    assert text_of(every).splitlines()[-1] == (
        "lab 'small': 21 nodes, 462 ordered pairs, 49 of 52 documented connections spoken, 1 cut,"
        " 51,744 other questions closed, 1 pair unmeasured, 10 differences, 1 broken probe, 2.6 s"
    )


def test_the_sentence_says_what_was_not_asked_or_not_there(good: TruthTable) -> None:
    table = replace(good, only="api-1", firewall=False)
    assert "lab 'small', only api-1, without its firewall: " in text_of(table)


def test_pairs_that_nobody_asked_have_no_mark(good: TruthTable) -> None:
    cells = tuple(cell for cell in good.cells if "api-1" in {cell.source, cell.destination})
    table = replace(good, cells=cells, only="api-1")
    names = [node.name for node in table.nodes]
    assert set(marks_of(text_of(table), names, MARKS)) == {(one.source, one.destination) for one in cells}
    assert "42 ordered pairs" in text_of(table)


def test_cuts_are_named(good: TruthTable) -> None:
    assert "cut: api-1 -> redis-1, m-1 -> mysql-1" in text_of(
        cut(good, ("api-1", "redis-1"), ("m-1", "mysql-1"))
    )
    assert "cut: " not in text_of(good)


def test_many_are_limited_and_the_rest_is_counted(good: TruthTable) -> None:
    names = [node.name for node in good.nodes]
    found = [
        Difference(Kind.PORT, source, name, "22/tcp", "refused", f"open to {source} at {name}")
        for source in names
        for name in names
        if source != name
    ]
    found.append(Difference(Kind.ESCAPE, "api-1", "internet", "53/udp", "refused", "open"))
    text = text_of(planted(good, *found))
    assert "463 differences\n" in text
    assert text.count("; found open") == 40
    assert "and 423 more; --format json has them all" in text
    # The one of another kind is not among those left out.
    assert "  api-1 -> internet: 53/udp\n" in text


def test_alike_ones_are_told_together(good: TruthTable) -> None:
    text = text_of(many_open(good, ["ui-1"], [22, 23]))
    found = [line for line in text.splitlines() if line.startswith("  ui-1 -> ")]
    assert len(found) == 1
    assert "36 times: expected closed; found open" in text


def test_a_stopped_node_is_told_once(good: TruthTable) -> None:
    table = stopped(good, "api-1")
    text = text_of(table)
    assert text.count("expected ") == 1
    assert f"and {len(table.differences) - 1} more at it: " in text
    assert "more; --format json" not in text


@pytest.mark.parametrize("colour", [False, True])
def test_nothing_that_was_seen_controls_the_terminal(good: TruthTable, *, colour: bool) -> None:
    text = text_of(every_kind(good, HOSTILE), colour=colour)
    plain = COLOURS.sub("", text) if colour else text
    assert plain.replace("\n", "").isprintable()
    assert plain == text_of(every_kind(good, HOSTILE))
    assert "\\x1b[31m\\x00\\u202e" in plain
    assert ("\x1b[" in text) is colour


def test_evidence_of_several_lines_is_one(good: TruthTable) -> None:
    assert "seen: one / two" in text_of(every_kind(good, "one\ntwo\n"))


def test_ascii_only(good: TruthTable) -> None:
    text = text_of(every_kind(good, "größer ✗"), ascii_only=True)
    assert text.isascii()
    assert "gr\\xf6\\xdfer" in text


def test_colour_follows_the_result(good: TruthTable, every: TruthTable) -> None:
    assert "\x1b[32mlab 'small'" in text_of(good, colour=True)
    assert "\x1b[1;31mlab 'small'" in text_of(every, colour=True)


def test_only_broken_probes_are_no_differences(good: TruthTable) -> None:
    table = planted(good, Difference(Kind.PROBE, "api-1", "", "everything", "an answer", "the probe broke"))
    text = text_of(table)
    assert text.startswith("0 differences, 1 broken probe\n")
    assert text.splitlines()[-1].endswith("0 differences, 1 broken probe, 2.6 s")


def test_names_that_are_too_long_are_cut(small_plan: Any) -> None:
    table = healthy(small_plan)
    long = "a" * 50
    node = replace(table.nodes[0], name=long)
    cells = tuple(
        replace(
            cell,
            source=long if cell.source == "frontend-1" else cell.source,
            destination=long if cell.destination == "frontend-1" else cell.destination,
        )
        for cell in table.cells
    )
    text = text_of(replace(table, nodes=(node, *table.nodes[1:]), cells=cells), width=90)
    assert f" 1 {'a' * 28}.." in text
    assert max(map(len, text.splitlines()[:-1])) <= 90
