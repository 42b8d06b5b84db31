"""A lab outlives its engine. Restarts the engine, so it runs only where that is allowed (`.ci/run`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from labgen.plan.model import LabPlan

from .conftest import Cli

_PID_FILE = Path("/var/run/docker.pid")
_ENGINE = Path(__file__).parents[2] / "labgen" / "setup" / "engine.sh"


@pytest.mark.skipif(
    not (os.environ.get("LABGEN_MAY_RESTART_ENGINE") and _PID_FILE.exists()),
    reason="restarting this machine's engine is not allowed (LABGEN_MAY_RESTART_ENGINE)",
)
def test_up_after_an_engine_restart(cli: Cli, small: LabPlan, tmp_path: Path) -> None:
    lab = cli.lab("restarted")
    settings = tmp_path / "lab.yaml"
    settings.write_text("datacenters: 0\nregions: 0\ncounts: {m: 0, novnc: 0, guacamole: 0, client: 0}\n")
    cli.run("up", lab, "-f", str(settings))

    engine = int(_PID_FILE.read_text())
    os.kill(engine, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{engine}").exists():
        assert time.monotonic() < deadline, "the engine does not end"
        time.sleep(0.1)  # a process that is not our child can only be looked at
    assert "no Docker engine answers" in cli.run("status", lab, code=3).stderr
    subprocess.run([str(_ENGINE)], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    cli.run("up", lab)
    for name in (lab, small.name):
        rows = json.loads(cli.run("status", name, "--format", "json").stdout)
        if name == lab:
            assert {row["state"] for row in rows} == {"healthy"}
        assert "missing" not in {row["state"] for row in rows}
    cli.run("down", lab)
