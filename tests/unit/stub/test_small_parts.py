"""Questions to neighbours, places in line, lines in the log, pauses between attempts."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import pytest
from labgen_stub import roles
from labgen_stub.links import retry
from labgen_stub.links.election import order
from labgen_stub.log import JsonLines
from labgen_stub.wire import Misuse, known_protocols, speaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.settings import Neighbour


def test_what_is_asked_of_whom(neighbour: Callable[..., Neighbour]) -> None:
    def asked(role: str, protocol: str) -> tuple[str, dict[str, object]]:
        target = roles.target(neighbour(role, protocol, 1), {}, 2.0)
        return target.protocol, dict(target.options)

    shallow = {"Max-Forwards": "0"}
    assert asked("rs", "http") == ("http", {"path": "/virtualfactory/check", "headers": shallow})
    assert asked("bpm", "http") == ("http", {"path": "/bpm-async/check", "headers": shallow})
    assert asked("frontend", "https") == ("https", {"path": "/api/version", "status": 200})
    assert asked("frontend", "http") == ("http", {"path": "/api/version", "status": 200})
    assert asked("cloud", "https") == ("ec2", {})
    assert asked("mysql", "mysql") == ("mysql", {})
    assert asked("ldap", "ldap") == ("tcp", {}), "what has no adapter is at least opened"


@pytest.mark.parametrize("protocol", sorted(known_protocols()))
def test_every_protocol_has_its_adapter(protocol: str) -> None:
    assert callable(speaker(protocol))


def test_an_unknown_protocol() -> None:
    with pytest.raises(Misuse, match="gopher"):
        speaker("gopher")


def test_the_line_is_ordered_by_number_not_by_name() -> None:
    line = ["_c_b-lock-0000000002", "_c_z-lock-0000000001", "other", "_c_a-lock-0000000010"]
    assert order(line) == ["_c_z-lock-0000000001", "_c_b-lock-0000000002", "_c_a-lock-0000000010"]


def test_log_lines_are_json() -> None:
    record = logging.makeLogRecord(
        {"msg": "connected to %s", "args": ("x",), "host": "rabbit", "levelno": 20}
    )
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["host"]) == ("connected to x", "rabbit")


async def _run_retry(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise asyncio.CancelledError

    async def work() -> None:
        if len(pauses) != 10:
            raise ConnectionRefusedError("no")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await retry.forever("x", work)
    return pauses


def test_pauses_are_bounded_and_start_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = asyncio.run(_run_retry(monkeypatch))
    assert max(pauses) <= retry.LONGEST_PAUSE
    assert pauses[10] <= retry.FIRST_PAUSE
    assert len(caplog.records) == 2, "the same complaint is told once, until it worked meanwhile"
