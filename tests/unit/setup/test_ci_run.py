""".ci/run with stand-ins for make and docker: what it hands to the tests, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / ".ci" / "run"

# Things are files named after their kind and id; they hold the label and the name.
DOCKER = r"""#!/bin/sh
cd "$THINGS" || exit 1
list() { for thing in "$1".*; do [ ! -e "$thing" ] || echo "${thing#*.} $(cat "$thing")"; done; }
case "$1 $2" in
"ps "*) list container ;;
"network ls" | "volume ls") list "$1" ;;
"rm "*) rm "container.$4" ;;
"network rm" | "volume rm") rm "$1.$3" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci/run")
    (tmp_path / "things").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    return tmp_path


def start(project: Path, make: str) -> subprocess.Popen[str]:
    path = project / "bin/make"
    path.write_text(f"#!/bin/sh\n{make}\n")
    path.chmod(0o755)
    environment = {
        "PATH": f"{project / 'bin'}:{os.environ['PATH']}",
        "THINGS": str(project / "things"),
        "TMPDIR": str(project),
        "CI": "true",
    }
    return subprocess.Popen(
        ["bash", "-c", "exec <&- bash .ci/run"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, make: str) -> tuple[int, str, str]:
    process = start(project, make)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_the_tests_get_labs_and_state_of_their_own(project: Path) -> None:
    code, out, err = run(
        project,
        'case "$LABGEN_LAB_PREFIX" in ci-[0-9]*-) ;; *) exit 9 ;; esac\n'
        'mkdir "$LABGEN_STATE_DIR" && echo "$*: 5 passed in 1s"',
    )
    assert (code, out, err) == (0, "test: 5 passed in 1s\n", "")
    assert sorted(path.name for path in project.iterdir()) == [".ci", "bin", "things"]


def test_failed_tests_fail_the_run_with_their_own_code(project: Path) -> None:
    assert run(project, "exit 2")[0] == 2


LEAVE = """
echo "${LABGEN_LAB_PREFIX}a ${LABGEN_LAB_PREFIX}a-api-1" >"$THINGS/container.c1"
echo "${LABGEN_LAB_PREFIX}a link" >"$THINGS/network.n1"
echo "${LABGEN_LAB_PREFIX}b data" >"$THINGS/volume.v1"
"""


def test_what_the_tests_left_is_named_and_removed_and_fails_the_run(project: Path) -> None:
    (project / "things/container.c0").write_text("somebodys-lab api-1")
    code, out, err = run(project, LEAVE + "echo 5 passed")
    assert code == 1
    assert out == "5 passed\n"
    assert "left over by the tests: network link" in err
    assert "did not clean up" in err
    assert [path.name for path in (project / "things").iterdir()] == ["container.c0"]


def test_a_run_that_is_stopped_cleans_up_as_well(project: Path) -> None:
    process = start(project, LEAVE + "sleep 60 & echo $! >ready.new; mv ready.new ready; wait")
    for _ in range(100):
        if (project / "ready").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 143
    assert not list((project / "things").iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(int((project / "ready").read_text()), 0)
