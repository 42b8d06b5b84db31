"""What the reports call things, and text of strangers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.verify.report.wording import (
    ASCII_MARKS,
    KINDS,
    MARKS,
    few,
    place,
    row_words,
    visible,
    works,
    worst,
)
from labgen.verify.table import Kind, Outcome, State, TruthTable


@given(st.text(st.characters(codec=None)))
def test_visible_text_prints_and_encodes(text: str) -> None:
    found = visible(text)
    assert found.isprintable()
    found.encode()
    assert visible(found) == found


@given(st.text(st.characters(codec=None)))
def test_lines_keep_their_ends_and_nothing_else(text: str) -> None:
    assert visible(text, lines=True).split("\n") == [visible(line) for line in text.split("\n")]


def test_what_does_not_print_is_escaped() -> None:
    assert visible("a\x1b[31m\u202e\ud800\nb é 字") == "a\\x1b[31m\\u202e\\ud800\\nb é 字"


def test_every_kind_and_state_has_its_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(MARKS) == set(ASCII_MARKS) == set(State)
    for marks in (MARKS, ASCII_MARKS):
        assert len(set(marks.values())) == len(State)
        assert all(len(mark) == 1 for mark in marks.values())
    assert all(mark.isascii() for mark in ASCII_MARKS.values())
    assert list(KINDS)[-1] is Kind.PROBE


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], None),
        ([State.CLOSED, State.SPOKEN], State.SPOKEN),
        ([State.SPOKEN, State.CUT], State.CUT),
        ([State.CUT, State.UNMEASURED], State.UNMEASURED),
        ([State.MISSING, State.UNMEASURED], State.MISSING),
        ([State.EXTRA, State.MISSING, State.CLOSED], State.EXTRA),
    ],
)
def test_the_worst_of_several(states: list[State], expected: State | None) -> None:
    assert worst(states) is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", ""),
        ("a", "a"),
        ("abc", "a, b, c"),
        ("abcd", "a, b, c, d"),
        ("abcde", "a, b, c and 2 more"),
        ("aabbccddee", "a, b, c and 2 more"),
    ],
)
def test_the_first_few(names: str, expected: str) -> None:
    assert few(names) == expected


def test_document_rows(good: TruthTable) -> None:
    row = next(one for cell in good.cells for one in cell.dialogues if one.connection == "13")
    told = "row 13: redis 6379/tcp, volatile data such as tasks (documented: W4; R1, R4, R7)"
    assert row_words("13", {"13": row}) == told
    assert row_words("13", {}) == "row 13"
    assert row_words("13 14", {"13": row}) == "rows 13, 14"
    assert not row_words("", {"13": row})


def test_open_is_as_much_as_some_protocols_show(good: TruthTable) -> None:
    row = next(one for cell in good.cells for one in cell.dialogues)
    assert {outcome for outcome in Outcome if works(replace(row, outcome=outcome))} == {
        Outcome.SPOKEN,
        Outcome.OPEN,
    }


def test_places_are_those_of_listings(good: TruthTable) -> None:
    places = {node.name: place(node) for node in good.nodes}
    assert places["api-1"] == "platform"
    assert places["dc1-rs-1"] == "dc1"
    assert places["dc1-guest-1"] == "outside (dc1)"
    assert places["host"] == "this machine"
