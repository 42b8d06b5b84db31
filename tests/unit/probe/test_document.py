"""The checks of `speak`: a malformed one has its result too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from labgen_probe.document import LONGEST_TIMEOUT, read_checks
from labgen_probe.runner import run

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("request_", [{}, {"checks": 1}, {"checks": [], "secrets": 5}])
def test_no_checks(request_: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        read_checks(request_)


@pytest.mark.parametrize(
    "row",
    [
        {"port": 0},
        {"port": 65536},
        {"port": "http"},
        {"port": None},
        {"options": [1]},
        {"transport": "sctp"},
        {"timeout": "long"},
        {"host": ...},
        {"protocol": ...},
    ],
)
def test_a_malformed_check_has_a_fault(row: dict[str, Any]) -> None:
    whole = {"id": "x", "protocol": "tcp", "host": "h", "port": 1, **row}
    whole = {key: value for key, value in whole.items() if value is not ...}
    (check,) = read_checks({"checks": [whole]})
    assert check.id == "x"
    assert check.target is None
    assert check.fault.startswith("malformed check")


def test_a_check_that_is_no_object_has_a_fault() -> None:
    (check,) = read_checks({"checks": [7]})
    assert (check.id, check.fault) == ("0", "the check is not an object")


def test_defaults_and_bounds() -> None:
    rows = [{"protocol": "tcp", "host": "h", "port": 1, **more} for more in ({}, {"timeout": 1e9})]
    first, second = read_checks({"checks": rows, "secrets": {"ca": "PEM"}})
    assert (first.id, first.timeout, second.timeout) == ("0", 3.0, LONGEST_TIMEOUT)
    assert first.target is not None
    assert first.target.secret("ca") == "PEM"
    assert "PEM" not in repr(first)


@pytest.mark.anyio
async def test_many_at_once_within_bounds(server: Callable[..., Any]) -> None:
    async with server() as port:
        row = {"protocol": "redis", "host": "127.0.0.1", "port": port, "timeout": 0.2}
        results = await run(read_checks({"checks": [row] * 60}), at_once=30)
    assert [one["outcome"] for one in results] == ["garbled"] * 60
    assert [one["id"] for one in results] == [str(number) for number in range(60)]
    assert max(one["ms"] for one in results) < 2000
