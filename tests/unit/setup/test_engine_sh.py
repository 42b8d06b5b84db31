"""engine.sh on a machine that has an engine, in whatever state, or may not get one."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.setup.machine import SETUP

if TYPE_CHECKING:
    from tests.unit.setup.machine import Machine


def refusal(machine: Machine) -> str:
    """Run the script, which must refuse with exit 3 and one message on stderr alone."""
    result = machine.run()
    assert result.returncode == 3, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("setup: ")
    return lines[0]


def test_an_engine_that_answers_is_left_alone(machine: Machine) -> None:
    machine.answers()
    begin = time.monotonic()
    result = machine.run()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [call.split()[:2] for call in machine.calls] == [["docker", "info"]]
    assert time.monotonic() - begin < 2


def test_the_oldest_supported_versions_will_do(machine: Machine) -> None:
    machine.answers("28.0.0", "v2.33.1-desktop.1", "v0.17.1")
    assert machine.run().returncode == 0


@pytest.mark.parametrize(
    ("versions", "found", "needed"),
    [
        ({"engine": "27.5.1"}, "27.5.1", "28.0"),
        ({"engine": "20.10.24+dfsg1"}, "20.10.24", "28.0"),
        ({"compose": "1.29.2"}, "1.29.2", "2.33.1"),
        ({"compose": "2.33.0"}, "2.33.0", "2.33.1"),
        ({"compose": ""}, "no Compose plugin", "2.33.1"),
        ({"buildx": ""}, "no buildx plugin", "docker-buildx"),
    ],
)
def test_too_old_or_incomplete(machine: Machine, versions: dict[str, str], found: str, needed: str) -> None:
    machine.answers(**versions)
    message = refusal(machine)
    assert found in message
    assert needed in message


def test_a_user_without_an_engine_is_told_who_can_install_one(machine: Machine) -> None:
    machine.user("eva")
    message = refusal(machine)
    assert "no Docker engine is installed" in message
    assert "'make setup' once as root" in message


def test_a_user_whose_engine_sleeps_is_told_how_to_start_it(machine: Machine) -> None:
    machine.install()
    machine.user("eva")
    message = refusal(machine)
    assert "does not answer (Cannot connect" in message
    assert "systemctl start docker" in message


def test_a_user_who_may_not_use_the_engine_is_told_the_group(machine: Machine) -> None:
    machine.install()
    machine.user("eva")
    (machine.fakes / "cause").write_text("permission denied while trying to connect to the docker API")
    assert "usermod -aG docker eva" in refusal(machine)


def test_an_engine_elsewhere_is_not_replaced_by_one_here(machine: Machine) -> None:
    machine.install()
    machine.environment["DOCKER_HOST"] = "tcp://192.0.2.1:2376"
    assert "DOCKER_HOST=tcp://192.0.2.1:2376" in refusal(machine)
    del machine.environment["DOCKER_HOST"]
    (machine.fakes / "context").write_text("remote\n")
    assert "context 'remote'" in refusal(machine)


def test_other_systems_get_one_message(machine: Machine) -> None:
    machine.release("fedora", "")
    assert "Debian and Ubuntu only" in refusal(machine)
    machine.program("uname", "echo Darwin")
    assert "start Docker Desktop" in refusal(machine)


def test_an_engine_that_sleeps_is_started_and_holds_nothing_of_the_caller(machine: Machine) -> None:
    machine.install()
    ours, theirs = os.pipe()
    result = machine.run(pass_fds=(theirs,))
    os.close(theirs)
    assert result.returncode == 0, result.stderr
    # The end of the pipe is seen although the engine still runs: it has not inherited the other end.
    assert os.read(ours, 1) == b""
    os.close(ours)
    engine = machine.engine_process()
    assert os.getsid(engine) == engine
    files = {int(path.name): path.readlink() for path in Path(f"/proc/{engine}/fd").iterdir()}
    log = machine.root / "var/log/labgen-dockerd.log"
    assert files == {0: Path("/dev/null"), 1: log, 2: log}


def test_a_pid_file_that_a_dead_engine_left_is_removed(machine: Machine) -> None:
    machine.install()
    pid_file = machine.root / "var/run/docker.pid"
    pid_file.parent.mkdir(parents=True)
    pid_file.write_text("1")
    assert machine.run().returncode == 0
    assert not pid_file.exists()


def test_an_engine_that_is_just_starting_gets_no_twin(machine: Machine) -> None:
    machine.install()
    machine.environment["LABGEN_ENGINE_TIMEOUT"] = "1"
    process = os.getpid()
    for path, text in ((f"proc/{process}/comm", "dockerd\n"), ("var/run/docker.pid", str(process))):
        (machine.root / path).parent.mkdir(parents=True)
        (machine.root / path).write_text(text)
    (machine.root / "var/log").mkdir()
    (machine.root / "var/log/labgen-dockerd.log").write_text("still loading\n")
    result = machine.run()
    assert result.returncode == 3
    assert "runs already as process" in result.stderr
    assert "still loading" in result.stderr
    assert "does not answer within 1 s" in result.stderr
    assert not any(call.startswith("dockerd") for call in machine.calls)


def test_an_engine_that_ends_at_once_shows_its_last_words(machine: Machine) -> None:
    machine.install(dockerd="echo 'invalid JSON in daemon.json'; exit 1")
    begin = time.monotonic()
    result = machine.run()
    assert result.returncode == 3
    assert "invalid JSON in daemon.json" in result.stderr
    assert "ended at once" in result.stderr
    assert time.monotonic() - begin < 4


def test_where_systemd_runs_it_starts_the_engine(machine: Machine) -> None:
    machine.install()
    (machine.root / "run/systemd/system").mkdir(parents=True)
    machine.program("systemctl", "echo 'labgen|28.5.2|2.40.3|0.29.1|' >\"$FAKES/running\"")
    assert machine.run().returncode == 0
    assert "systemctl start docker" in machine.calls
    assert not any(call.startswith("dockerd") for call in machine.calls)


@pytest.mark.parametrize(
    ("found", "needed", "enough"),
    [
        ("28.0", "28.0", True),
        ("28", "28.0", True),
        ("100.0", "28.0", True),
        ("2.33.10", "2.33.1", True),
        ("5:29.1.3-1~ubuntu", "28.0", True),
        ("2.08.09", "2.8.9", True),
        ("27.99.99", "28.0", False),
        ("dev", "28.0", False),
        ("", "28.0", False),
    ],
)
def test_versions_compare_as_numbers(found: str, needed: str, *, enough: bool) -> None:
    command = ["bash", "-euc", '. "$0"; at_least "$1" "$2"', str(SETUP / "common.sh"), found, needed]
    assert (subprocess.run(command, check=False).returncode == 0) is enough
