"""Sets of ports as text, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labgen_probe.ports import pack, unpack


@given(st.sets(st.integers(1, 65535)))
def test_there_and_back(ports: set[int]) -> None:
    assert unpack(pack(ports)) == sorted(ports)


@given(st.sets(st.integers(1, 60)))
def test_the_text_is_the_shortest_there_is(ports: set[int]) -> None:
    edges = sum(port - 1 not in ports for port in ports)
    assert len(pack(ports).split(",")) == max(edges, 1)


def test_as_it_is_written() -> None:
    assert pack([443, 80, 5901, 5900, 5902, 80]) == "80,443,5900-5902"
    assert pack([]) == ""
    assert unpack("80,80,79-81") == [79, 80, 81]
    assert unpack("") == []


@pytest.mark.parametrize("text", ["x", "1-", "-1", "0", "65536", "1,,2", "5-x", "9-7", "1-2-3", "0-5", ","])
def test_text_that_is_no_ports(text: str) -> None:
    with pytest.raises(ValueError, match=r"there are no ports|invalid literal"):
        unpack(text)
