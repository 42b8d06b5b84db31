"""The probe as a conversation: one answer for each line, whatever the line is."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labgen_probe import listen
from labgen_probe import names as names_module
from labgen_probe.session import answer, converse

IMAGES = Path(__file__).parents[3] / "images"
MAIN = IMAGES / "probe" / "labgen_probe" / "__main__.py"


def asked(**request: Any) -> dict[str, Any]:
    return answer(json.dumps(request).encode())


def test_a_program_that_answers_until_its_input_ends() -> None:
    """Started as in its image: isolated, and without `site`."""
    lines = [{"op": "look"}, {"op": "sweep", "targets": []}]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(MAIN)],
        input="\n".join(map(json.dumps, lines)) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["op"] for one in answers] == ["look", "sweep"]
    assert answers[0]["listeners"] is not None
    assert answers[1] == {"op": "sweep", "results": []}
    assert done.stderr == ""


def test_a_probe_that_looks_and_sweeps_does_not_wait_for_what_it_does_not_need() -> None:
    program = (
        f"import sys; sys.path.append({str(IMAGES / 'probe')!r})\n"
        "from labgen_probe.session import answer\n"
        'assert "error" not in answer(b\'{"op": "look"}\')\n'
        'assert "error" not in answer(b\'{"op": "sweep", "targets": []}\')\n'
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    loaded = set(done.stdout.split())
    assert "labgen_probe.sweep" in loaded
    assert not loaded & {
        "asyncio",
        "dataclasses",
        "labgen_stub",
        "pathlib",
        "site",
        "ssl",
        "threading",
        "typing",
    }


def test_nobody_reads_the_answers_any_more() -> None:
    class Gone(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    assert converse(io.BytesIO(b'{"op": "look"}\n'), Gone()) == 1


def test_a_line_that_is_no_request_does_not_end_the_conversation() -> None:
    lines = [
        b"no json",
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"op": ["look"]}',
        b'{"op": "sing"}',
        b'{"op": "sweep"}',
        b'{"op": "sweep", "targets": [5]}',
        b'{"op": "listen", "addresses": "127.0.0.1"}',
        b'{"op": "names", "names": {}}',
        b'{"op": "speak"}',
        b'{"op": "fetch", "url": "ftp://x"}',
        b'{"op": "listen", "addresses": []}',
    ]
    out = io.BytesIO()
    assert converse(io.BytesIO(b"\n".join(lines)), out) == 0
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == len(lines)
    unknown = "there is no such question; there are: fetch, listen, look, names, speak, sweep"
    assert [(one["op"], one.get("error", "").split("'utf-8'")[0]) for one in answers][4:] == [
        ("", "the request is not an object"),
        (None, unknown),
        (["look"], unknown),
        ("sing", unknown),
        ("sweep", "malformed request: KeyError 'targets'"),
        ("sweep", "malformed request: TypeError 'int' object is not subscriptable"),
        ("listen", "malformed request: TypeError 'addresses' is not a list"),
        ("names", "malformed request: TypeError 'names' is not a list"),
        ("speak", "malformed request: TypeError the request has no list 'checks'"),
        ("fetch", "malformed request: ValueError 'ftp://x' is no address of the web"),
        ("listen", ""),
    ]
    for one in answers[:4]:
        assert one["op"] == ""
        assert one["error"].startswith("the request is not JSON: ")
    assert answers[-1] == {"op": "listen", "ports": {}, "faults": {}}


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)))
def test_as_many_answers_as_lines(lines: list[bytes]) -> None:
    out = io.BytesIO()
    converse(io.BytesIO(b"".join(line + b"\n" for line in lines)), out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == len(lines)
    assert all(one["error"] for one in answers)


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError("no memory"), "OSError: no memory"), (AssertionError("lost"), "AssertionError: lost")],
)
def test_what_breaks_inside_is_the_probes_own_trouble(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def broken(_request: object) -> None:
        raise error

    monkeypatch.setattr(names_module, "answer", broken)
    assert asked(op="names", names=[]) == {"op": "names", "error": told}


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what otherwise stays open for as long as the program runs."""
    opened: list[socket.socket] = []
    monkeypatch.setattr(listen, "_open", opened)
    yield
    for one in opened:
        one.close()


@pytest.mark.usefixtures("listeners")
def test_listeners_are_there_until_the_end() -> None:
    found = asked(op="listen", addresses=["127.0.0.1", "192.0.2.9", "127.0.0.2"])
    assert set(found["ports"]) == {"127.0.0.1", "127.0.0.2"}
    assert found["faults"] == {"192.0.2.9": "Cannot assign requested address"}
    for address, port in found["ports"].items():
        for _ in range(2):
            with socket.create_connection((address, port), timeout=10):
                pass
    port = found["ports"]["127.0.0.1"]
    swept = asked(op="sweep", targets=[{"address": "127.0.0.1", "tcp": str(port)}])
    assert swept["results"][0]["tcp"] == {"open": str(port)}


def test_speaking() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        checks = [
            {"id": "a", "protocol": "redis", "host": "127.0.0.1", "port": port},
            {"id": "b", "protocol": "gopher", "host": "127.0.0.1", "port": port},
            {"id": "c"},
            7,
        ]
        found = asked(op="speak", checks=checks, secrets={"mysql_password": "hidden"})
    assert found["op"] == "speak"
    assert [(one["id"], one["outcome"]) for one in found["results"]] == [
        ("a", "refused"),
        ("b", "failed"),
        ("c", "failed"),
        ("3", "failed"),
    ]
    assert all(set(one) == {"id", "outcome", "evidence", "ms"} for one in found["results"])
    assert "hidden" not in json.dumps(found)
