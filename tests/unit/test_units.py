"""Sizes of memory, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.units import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("96MiB", 96 * 2**20),
        ("96m", 96 * 2**20),
        ("96 MB", 96 * 2**20),
        ("0.5GiB", 2**29),
        ("1.5g", 3 * 2**29),
        ("1T", 2**40),
        ("4KiB", 4096),
        ("512b", 512),
        ("512", 512),
        (512, 512),
        (" 1k ", 1024),
    ],
)
def test_parse(text: str | int, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize(
    "text", ["", "lots", "0", 0, "-1MiB", "1,5GiB", "1.GiB", "MiB", "0.1", "1PiB", "1e9", True]
)
def test_parse_refuses(text: str | int) -> None:
    with pytest.raises(
        ValueError, match=r"is not a size of memory; write it like 96MiB or 1\.5GiB"
    ) as caught:
        parse_bytes(text)
    assert str(caught.value).startswith(repr(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (96 * 2**20, "96MiB"),
        (3 * 2**29, "1.5GiB"),
        (2**41, "2048GiB"),
    ],
)
def test_format(value: int, text: str) -> None:
    assert format_bytes(value) == text


@given(st.integers(1, 2**45))
def test_what_is_written_reads_back_as_nearly_the_same(value: int) -> None:
    """One digit after the point of a number of at least 1: off by a twentieth at most."""
    assert abs(parse_bytes(format_bytes(value)) - value) <= value / 20


@given(st.integers(1, 1023), st.sampled_from([("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)]))
def test_whole_units_read_back_exactly(count: int, unit: tuple[str, int]) -> None:
    name, factor = unit
    assert format_bytes(count * factor) == f"{count}{name}"
    assert parse_bytes(f"{count}{name}") == count * factor
