"""The probe as a command: one result for each check, whatever happens."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from labgen_probe.document import LONGEST_TIMEOUT, DocumentError, parse
from labgen_probe.runner import run

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parents[3] / "images"


def command(text: str) -> subprocess.CompletedProcess[str]:
    paths = f"{IMAGES / 'stub'}:{IMAGES / 'probe'}"
    return subprocess.run(
        [sys.executable, "-m", "labgen_probe"],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PYTHONPATH": paths},
    )


def test_a_document_in_and_a_document_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        checks = [
            {"id": "a", "protocol": "redis", "host": "127.0.0.1", "port": port},
            {"id": "b", "protocol": "gopher", "host": "127.0.0.1", "port": port},
            {"id": "c"},
            7,
        ]
        done = command(json.dumps({"checks": checks, "secrets": {"mysql_password": "hidden"}}))
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [one["id"] for one in results] == ["a", "b", "c", "3"]
    assert [one["outcome"] for one in results] == ["refused", "failed", "failed", "failed"]
    assert all(set(one) == {"id", "outcome", "evidence", "ms"} for one in results)
    assert "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"checks": 1}', '{"checks": [], "secrets": 5}'])
def test_no_document(text: str) -> None:
    with pytest.raises(DocumentError):
        parse(text)


def test_no_document_is_exit_code_2_and_no_output() -> None:
    done = command("no json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not JSON" in done.stderr


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
    (check,) = parse(json.dumps({"checks": [whole]}))
    assert check.id == "x"
    assert check.target is None
    assert check.fault.startswith("malformed check")


def test_defaults_and_bounds() -> None:
    rows = [{"protocol": "tcp", "host": "h", "port": 1, **more} for more in ({}, {"timeout": 1e9})]
    first, second = parse(json.dumps({"checks": rows, "secrets": {"ca": "PEM"}}))
    assert (first.id, first.timeout, second.timeout) == ("0", 3.0, LONGEST_TIMEOUT)
    assert first.target is not None
    assert first.target.secret("ca") == "PEM"
    assert "PEM" not in repr(first)


@pytest.mark.anyio
async def test_many_at_once_within_bounds(server: Callable[..., Any]) -> None:
    async with server() as port:
        row = {"protocol": "redis", "host": "127.0.0.1", "port": port, "timeout": 0.2}
        results = await run(parse(json.dumps({"checks": [row] * 60})), at_once=30)
    assert [one["outcome"] for one in results] == ["garbled"] * 60
    assert [one["id"] for one in results] == [str(number) for number in range(60)]
    assert max(one["ms"] for one in results) < 2000
