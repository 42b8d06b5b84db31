"""A drill on a real lab: who notices, everybody recovers, and nothing is left behind, whatever ends it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labgen.engine.client import Engine
from labgen.names import Label, container_name
from labgen.render.cuts import CUTS_FILE

from .conftest import SECONDS, Cli
from .waiting import until


@pytest.fixture(autouse=True)
def nothing_is_left(lab: str, cli: Cli, engine: Engine) -> Iterator[None]:
    """After each drill no wire is cut, by file or in force, and nothing of it runs in any node."""
    yield
    assert json.loads(cli.run("cut", "--lab", lab, "--format", "json").stdout) == []
    assert tables(engine, lab) == {}
    assert not loops(engine, lab)


def loops(engine: Engine, lab: str) -> set[str]:
    """Return the nodes in which a loop of a drill runs."""
    return {
        one["Labels"][Label.NODE]
        for one in engine.containers(f"{Label.LAB}={lab}", Label.NODE)
        for process in engine.sdk.api.top(one["Id"], ps_args="-eww -o pid,args")["Processes"]
        if "labgen-watch" in " ".join(process)
    }


def tables(engine: Engine, lab: str) -> dict[str, str]:
    """Return the cuts that are in force, by node."""
    found = {}
    for one in engine.containers(f"{Label.LAB}={lab}", Label.NODE):
        call = ["docker", "exec", "--user", "root", one["Id"], "nft", "list", "ruleset"]
        text = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        assert "table inet labgen {" in text, text
        if "table inet labgen_cuts" in text:
            found[one["Labels"][Label.NODE]] = text
    return found


def test_who_notices_and_when(lab: str, cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "drill.html"
    done = cli.run("drill", "redis-1", "api-1", "--lab", lab, "--format", "json", "--html", str(page))
    document = json.loads(done.stdout)
    (wire,) = document["wires"]
    assert (wire["one"], wire["other"], wire["connections"]) == ("api-1", "redis-1", ["13"])
    lasting = [one for one in wire["noticed"] if one["over"] is None]
    assert [one["node"] for one in lasting] == ["api-1"]
    (api,) = lasting
    # Its check gives up after two seconds, and no verdict is more than a second old.
    assert 1.0 < api["after"] < document["window"]
    assert "redis-1 (redis, redis 6379, connection 13): timeout" in api["said"]
    assert 0.0 < wire["well_after"] < 40.0
    assert (wire["late"], document["fault"], document["lost"]) == ([], "", [])
    assert "redis-1 (redis, redis 6379, connection 13): timeout" in page.read_text()
    assert "everybody is well again" in done.stderr


def test_what_users_feel(lab: str, cli: Cli) -> None:
    """All of them come this way; a lab without sites has scopes to write. What was accepted is there."""
    document = json.loads(cli.run("drill", "api-1", "frontend-1", "--lab", lab, "--format", "json").stdout)
    users = document["wires"][0]["users"]
    assert not users["alone"]
    assert users["failed"] >= 2
    assert users["said"]
    # Not before somebody gave up, and not much longer than it was cut.
    assert 3.0 < users["affected"] < document["window"] + 20.0
    assert (document["fault"], document["lost"], document["unknown"]) == ("", [], "")
    assert document["accepted"] > 0


def test_a_wire_that_nobody_checks(lab: str, cli: Cli) -> None:
    """The front end's own health is its program's: it serves what it still can."""
    done = cli.run("drill", "frontend-1", "ui-1", "--lab", lab, "--window", "5")
    assert "frontend-1 - ui-1 " in done.stdout
    assert " nobody" in done.stdout


@pytest.fixture
def drilling(lab: str, cli: Cli, engine: Engine) -> Iterator[subprocess.Popen[str]]:
    """A drill in the middle: its wire is cut, and every node is watched."""
    process = cli.start("drill", "api-1", "mysql-1", "--lab", lab, "--window", "300")
    try:
        until(lambda: set(tables(engine, lab)) == {"api-1"} or process.poll() is not None, SECONDS)
        assert process.poll() is None, process.communicate()
        assert len(loops(engine, lab)) == 7
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_heals(drilling: subprocess.Popen[str], number: signal.Signals) -> None:
    drilling.send_signal(number)
    _, said = drilling.communicate(timeout=SECONDS)
    assert drilling.returncode == 130, said
    assert "interrupted; what was cut is healed" in said
    assert "Traceback" not in said


def test_a_killed_drill_leaves_no_loop_behind(
    drilling: subprocess.Popen[str], lab: str, cli: Cli, engine: Engine
) -> None:
    """Nothing can heal then, so the wire is still cut, and the next drill says so; the loops end."""
    drilling.kill()
    drilling.communicate()
    refused = cli.run("drill", "--lab", lab, code=1)
    assert refused.stderr == (
        f"labgen: lab '{lab}' has wires that are cut already: api-1 - mysql-1\n"
        f"  A drill leaves no wire cut, and these are yours: `labgen heal --lab {lab}` first.\n"
    )
    until(lambda: not loops(engine, lab), 60)
    cli.run("heal", "--lab", lab)
    cli.run("start", "--lab", lab)


def test_a_lab_that_is_not_healthy_is_refused(lab: str, cli: Cli) -> None:
    cli.run("stop", "redis-1", "--lab", lab)
    try:
        refused = cli.run("drill", "--lab", lab, code=1)
        assert f"lab '{lab}' is not healthy, and a drill begins with a healthy one:\n" in refused.stderr
        assert "  redis-1: stopped (Exited" in refused.stderr
    finally:
        cli.run("start", "--lab", lab)


def test_a_node_that_does_not_recover_is_named(lab: str, cli: Cli, engine: Engine) -> None:
    """It is stopped while the wire is cut, so that healing the wire does not help."""
    cuts = cli.state / "labs" / lab / "nodes" / "api-1" / CUTS_FILE
    process = cli.start("drill", "api-1", "mysql-1", "--lab", lab, "--window", "8", "--within", "10")
    try:
        # The file is there as soon as it begins. To look into every node could take the whole window.
        until(lambda: cuts.exists() or process.poll() is not None, SECONDS)
        engine.sdk.api.stop(container_name(lab, "zookeeper-1"), timeout=1)
        out, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate()
        cli.run("start", "--lab", lab)
    assert process.returncode == 1, said
    assert "the wire api-1 - mysql-1 was cut and healed, and 10 s later not everybody was well:\n" in said
    assert "\n  zookeeper-1: its health check cannot be asked: " in said
    assert "not in time: " in out
