"""labgen as a process: what it says when the machine lacks something, and what its start costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.program import LABGEN, Ran, as_process
from tests.unit.engine.answering import VERSION, answering, make_client

HEAVY = (
    *("pydantic", "yaml", "docker", "python_on_whales", "jinja2", "cryptography", "requests"),
    *("rich.table", "rich.live", "filelock", "rapidfuzz", "platformdirs"),
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine with a Docker client and no engine."""
    make_client(tmp_path / "bin")
    return {
        "PATH": str(tmp_path / "bin"),
        "HOME": str(tmp_path),
        "LABGEN_STATE_DIR": str(tmp_path / "state"),
        "DOCKER_HOST": f"unix://{tmp_path}/no-engine",
    }


@pytest.fixture
def engine(environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What an engine answers."""
    answers: dict[str, Any] = {"/version": VERSION}
    with answering(answers) as host:
        environment["DOCKER_HOST"] = host
        yield answers


def test_no_docker_client(environment: dict[str, str], tmp_path: Path) -> None:
    as_process("up", **(environment | {"PATH": str(tmp_path / "nothing")})).refused(
        3,
        "labgen: there is no `docker` command",
        "  `make setup` installs an engine on Debian and Ubuntu.",
    )


@pytest.mark.parametrize("command", ["up", "ls"])
def test_no_engine(environment: dict[str, str], command: str) -> None:
    as_process(command, **environment).refused(
        3,
        f"labgen: no Docker engine answers at {environment['DOCKER_HOST']}: No such file or directory",
        "  Start it (`systemctl start docker`), or let `make setup` install one; "
        "a user needs to be in the group `docker`.",
    )


def test_an_engine_that_is_too_old(environment: dict[str, str], engine: dict[str, Any]) -> None:
    engine["/version"] = {**VERSION, "Version": "20.10.24"}
    as_process("up", **environment).refused(
        3,
        "labgen: the Docker engine is 20.10.24; a lab needs 28.0 or newer",
        "  Its networks have no isolated gateway before that. `make setup` says how to get a newer one.",
    )


def test_no_compose_plugin(environment: dict[str, str], engine: dict[str, Any]) -> None:
    assert engine
    make_client(Path(environment["PATH"]), "")
    as_process("up", **environment).refused(
        3,
        "labgen: the Docker client has no Compose plugin",
        "  Install it (Debian: docker-compose or docker-compose-plugin), or run `make setup`.",
    )


def test_a_compose_plugin_that_is_too_old(environment: dict[str, str], engine: dict[str, Any]) -> None:
    assert engine
    make_client(Path(environment["PATH"]), "1.29.2")
    as_process("down", "--keep-volumes", **environment).refused(
        3,
        "labgen: Docker Compose is 1.29.2; a lab needs 2.33.1 or newer",
        "  Install a newer Compose plugin, or run `make setup`.",
    )


@pytest.mark.parametrize("answer", [500, b"no JSON"])
def test_an_engine_that_falls_ill_between_two_questions(
    environment: dict[str, str], engine: dict[str, Any], answer: Any
) -> None:
    engine["/containers/json"] = answer
    ran = as_process("ls", **environment)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("labgen: the Docker engine failed: ")
    assert ran.err.splitlines()[1:] == ["  `labgen doctor` says more."]


def test_doctor_without_an_engine_is_data_and_exit_code_3(environment: dict[str, str]) -> None:
    ran = as_process("doctor", "--format", "json", **environment)
    assert (ran.code, ran.err) == (3, "")
    assert [(one["check"], one["state"]) for one in ran.json] == [
        ("engine", "failed"),
        ("state folder", "ok"),
    ]


@pytest.mark.parametrize("code", ["import labgen.cli.main", "import labgen.cli.options as o; o._sizes('')"])
def test_the_start_and_completion_load_nothing_heavy(code: str) -> None:
    """Each of these costs more than the whole start may (issue: 1.5 times an empty Typer program)."""
    assert loaded_by(code) == set()


def test_completing_a_lab_or_a_node_loads_nothing_heavy(environment: dict[str, str]) -> None:
    (Path(environment["LABGEN_STATE_DIR"]) / "labs" / "small").mkdir(parents=True)
    code = "import labgen.cli.options as o; o._labs(''); o._nodes('')"
    assert loaded_by(code, LABGEN_STATE_DIR=environment["LABGEN_STATE_DIR"]) == set()


def loaded_by(code: str, **environment: str) -> set[str]:
    """Return which of the heavy modules a fresh Python has after `code`."""
    program = f"{code}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    call = [sys.executable, "-c", program]
    done = subprocess.run(
        call, capture_output=True, text=True, check=True, env=environment, cwd=Path(__file__).parents[3]
    )
    return set(done.stdout.split())


def test_a_pipe_that_closes_early_is_no_error(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [LABGEN, "connections", "--all"],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            check=False,
        )
    assert done.stderr == ""


def test_an_interruption_ends_with_130_and_no_traceback(
    environment: dict[str, str], engine: dict[str, Any], tmp_path: Path
) -> None:
    assert engine
    script = f'[ "$1 $2" = "compose version" ] && {{ : >{tmp_path}/asked; exec tail -f /dev/null; }}'
    client = make_client(tmp_path / "bin")
    client.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    os.mkfifo(tmp_path / "asked")
    with subprocess.Popen(
        [LABGEN, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        (tmp_path / "asked").read_bytes()  # returns when labgen is in the midst of it
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert Ran(running.returncode, out, err).code == 130
    assert "Traceback" not in err


def test_the_version() -> None:
    ran = as_process("version")
    assert (ran.code, ran.out, ran.err) == (0, "0.1.0\n", "")
