"""`labgen up` converges from whatever it finds, and `labgen down` leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from labgen.engine.client import Engine
from labgen.engine.down import known_labs
from labgen.names import Label, container_name

from .conftest import PREFIX, SECONDS, Cli
from .containers import containers
from .waiting import until

#: A lab of five nodes with a database: quick to start, and with data, secrets, certificates and ports.
TINY = """\
datacenters: 0
regions: 0
counts:
  {m: 0, novnc: 0, guacamole: 0, rabbitmq: 0, zookeeper: 0, client: 0}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(TINY)
    return path


def states(cli: Cli, lab: str) -> dict[str, str]:
    rows = json.loads(cli.run("status", lab, "--format", "json").stdout)
    return {row["node"]: row["state"] for row in rows}


def leftovers(engine: Engine, lab: str) -> list[Any]:
    label = {"label": f"{Label.LAB}={lab}"}
    api = engine.sdk.api
    return [
        *api.containers(all=True, filters=label),
        *api.networks(filters=label),
        *(api.volumes(filters=label)["Volumes"] or ()),
    ]


def moments(cli: Cli, engine: Engine, lab: str) -> dict[str, Callable[[], bool]]:
    """Return how to see that an `up` has come so far."""
    label = {"label": f"{Label.LAB}={lab}"}
    api = engine.sdk.api
    return {
        "locked": (cli.state / "labs" / f"{lab}.holder").exists,
        "rendered": (cli.state / "labs" / lab / "compose.yaml").exists,
        "networks": lambda: bool(api.networks(filters=label)),
        "created": lambda: bool(api.containers(all=True, filters=label)),
        "started": lambda: bool(api.containers(filters=label)),
    }


def test_up_twice_changes_nothing_and_a_killed_node_comes_back(cli: Cli, engine: Engine, tiny: Path) -> None:
    lab = cli.lab("again")
    first = cli.run("up", lab, "-f", str(tiny))
    assert f"labgen status {lab}" in first.stdout
    before = containers(engine, lab)
    assert set(states(cli, lab).values()) == {"healthy"}

    cli.run("up", lab)  # what was asked for last time holds
    assert containers(engine, lab) == before

    engine.sdk.api.kill(container_name(lab, "redis-1"))
    engine.sdk.api.remove_container(container_name(lab, "ui-1"), force=True)
    engine.sdk.api.pause(container_name(lab, "mysql-1"))
    cli.run("up", lab)
    after = containers(engine, lab)
    assert set(states(cli, lab).values()) == {"healthy"}
    assert {name for name in before if after[name] != before[name]} == {"redis-1", "ui-1"}

    cli.run("down", lab)
    assert not leftovers(engine, lab)
    assert not (cli.state / "labs" / lab).exists()


def test_down_works_without_the_state_folder_and_up_survives_its_loss(
    cli: Cli, engine: Engine, tiny: Path, tmp_path: Path
) -> None:
    lab = cli.lab("lost")
    cli.run("up", lab, "-f", str(tiny))
    (cli.state / "labs" / lab).rename(tmp_path / "gone")
    # New secrets meet old data: the servers take them over, the lab is healthy again.
    cli.run("up", lab, "-f", str(tiny))
    assert set(states(cli, lab).values()) == {"healthy"}
    (cli.state / "labs" / lab).rename(tmp_path / "gone-too")
    cli.run("down", lab)
    assert not leftovers(engine, lab)


@pytest.mark.parametrize("moment", ["locked", "rendered", "networks", "created", "started"])
def test_up_repairs_what_a_killed_up_left(cli: Cli, engine: Engine, tiny: Path, moment: str) -> None:
    lab = cli.lab(f"killed-{moment}")
    api = engine.sdk.api
    process = cli.start("up", lab, "-f", str(tiny))
    until(moments(cli, engine, lab)[moment], SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    cli.run("up", lab, "-f", str(tiny))
    assert set(states(cli, lab).values()) == {"healthy"}
    names = [one["Name"] for one in api.networks(filters={"label": f"{Label.LAB}={lab}"})]
    assert len(names) == len(set(names))
    cli.run("down", lab)
    assert not leftovers(engine, lab)


@pytest.mark.parametrize("moment", ["locked", "rendered", "networks", "started"])
def test_interrupted_up_says_how_to_go_on_and_exits_130(
    cli: Cli, engine: Engine, tiny: Path, moment: str
) -> None:
    lab = cli.lab(f"interrupted-{moment}")
    process = cli.start("up", lab, "-f", str(tiny))
    until(moments(cli, engine, lab)[moment], SECONDS)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"`labgen up {lab}` goes on, `labgen down {lab}` removes it." in said
    assert "Traceback" not in said
    if lab in known_labs(engine) or (cli.state / "labs" / lab).exists():
        cli.run("down", lab)
    assert not leftovers(engine, lab)


def test_two_ups_at_once_one_waits_and_says_for_whom(cli: Cli, engine: Engine, tiny: Path) -> None:
    lab = cli.lab("twice")
    first = cli.start("up", lab, "-f", str(tiny))
    until((cli.state / "labs" / f"{lab}.holder").exists, SECONDS)
    second = cli.start("up", lab, "-f", str(tiny))
    first.communicate(timeout=SECONDS)
    _, said = second.communicate(timeout=SECONDS)
    assert (first.returncode, second.returncode) == (0, 0)
    assert f"waiting: `labgen up {lab}` (process {first.pid}, since " in said
    networks = [one["Name"] for one in engine.sdk.api.networks(filters={"label": f"{Label.LAB}={lab}"})]
    assert len(networks) == len(set(networks))
    cli.run("down", lab)


def test_two_labs_side_by_side(cli: Cli, engine: Engine, tiny: Path, small: Any) -> None:
    lab = cli.lab("beside")
    cli.run("up", lab, "-f", str(tiny))
    mine = {one["Id"] for one in engine.sdk.api.networks(filters={"label": f"{Label.LAB}={lab}"})}
    theirs = {one["Id"] for one in engine.sdk.api.networks(filters={"label": f"{Label.LAB}={small.name}"})}
    assert mine
    assert theirs
    assert not mine & theirs
    listed = {row["lab"]: row for row in json.loads(cli.run("ls", "--format", "json").stdout)}
    assert listed[lab]["healthy"] == listed[lab]["nodes"]
    assert listed[small.name]["healthy"] == listed[small.name]["nodes"] == len(small.nodes)
    assert not set(listed[lab]["ports"]) & set(listed[small.name]["ports"])
    cli.run("down", lab)
    assert len(containers(engine, small.name)) == len(small.nodes)


def test_a_node_that_never_gets_healthy_is_named_with_its_own_words(cli: Cli, tiny: Path) -> None:
    lab = cli.lab("starved")
    # MySQL cannot start in so little memory; everything else can.
    done = cli.run(
        "up", lab, "-f", str(tiny), "--set", "resources.mysql.memory=24MiB", "--timeout", "15", code=4
    )
    assert "mysql-1: " in done.stderr
    assert "not healthy after 15 s" in done.stderr
    assert "last log lines:" in done.stderr
    assert f"`labgen down {lab}` removes it." in done.stderr
    cli.run("down", lab)


def test_stop_start_restart(cli: Cli, engine: Engine, tiny: Path) -> None:
    lab = cli.lab("power")
    cli.run("up", lab, "-f", str(tiny))
    cli.run("stop", "redis-1", "--lab", lab)
    assert states(cli, lab)["redis-1"] == "stopped"
    cli.run("start", "redis-1", "--lab", lab)
    assert states(cli, lab)["redis-1"] == "healthy"
    before = containers(engine, lab)
    cli.run("restart", "--lab", lab)
    after = containers(engine, lab)
    assert {name: one[0] for name, one in after.items()} == {name: one[0] for name, one in before.items()}
    assert all(after[name][1] != before[name][1] for name in after)
    assert set(states(cli, lab).values()) == {"healthy"}
    said = cli.run("exec", "--lab", lab, "redis-1", "redis-cli", "ping").stdout
    assert said == "PONG\n"
    assert cli.run("exec", "--lab", lab, "redis-1", "sh", "-c", "exit 7", code=7).stdout == ""
    assert "redis-1" in cli.run("logs", "redis-1", "--lab", lab).stdout
    cli.run("down", lab)


def test_down_says_who_holds_a_network(cli: Cli, engine: Engine, tiny: Path) -> None:
    lab = cli.lab("held")
    cli.run("up", lab, "-f", str(tiny))
    stranger = f"{PREFIX}stranger"
    image = next(one["Image"] for one in engine.containers(f"{Label.LAB}={lab}"))
    network = f"labgen-{lab}-api-redis"
    subprocess.run(
        [
            "docker",
            "run",
            "-d",
            "--rm",
            "--name",
            stranger,
            "--network",
            network,
            "--entrypoint",
            "sleep",
            image,
            "600",
        ],
        check=True,
        capture_output=True,
    )
    try:
        done = cli.run("down", lab, code=1)
        assert f"network {network}: in use by container {stranger}" in done.stderr
    finally:
        subprocess.run(["docker", "rm", "-f", stranger], check=True, capture_output=True)
    cli.run("down", lab)
    assert not leftovers(engine, lab)


def test_bad_input_to_the_commands(cli: Cli, engine: Engine) -> None:
    assert "there is no lab 'nowhere'" in cli.run("status", "nowhere", code=2).stderr
    assert "is not a name for a lab" in cli.run("up", "No_Such", code=2).stderr
    taken = engine.sdk.api.create_network(
        f"{PREFIX}taken",
        ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="10.251.7.0/24")]),
        labels={"io.labgen.test": PREFIX},
    )["Id"]
    try:
        done = cli.run("up", cli.lab("clash"), "--set", "supernet=10.251.0.0/16", code=2)
        assert f"supernet 10.251.0.0/16 overlaps 10.251.7.0/24: Docker network '{PREFIX}taken'" in done.stderr
    finally:
        engine.sdk.api.remove_network(taken)
    # 16,000 hypervisors; a dry run, so that a machine that could hold them is not put to the test.
    huge = ["--set=datacenters=40", "--set=hypervisor=400", "--set=supernet=10.128.0.0/12", "--dry-run"]
    done = cli.run("up", "huge", *huge, code=1)
    assert "not enough memory: the lab needs about " in done.stderr


def test_a_running_lab_changes_and_keeps_what_stays(cli: Cli, engine: Engine, tiny: Path) -> None:
    lab = cli.lab("changing")
    cli.run("up", lab, "-f", str(tiny))
    before = containers(engine, lab)
    cli.run("up", lab, "-f", str(tiny), "--set", "api=2", "--set", "client=1")
    grown = containers(engine, lab)
    assert set(grown) - set(before) == {"api-2", "client-1"}
    assert {name for name in before if grown[name] == before[name]} >= {"mysql-1", "redis-1", "api-1"}
    # Another supernet moves every network; the nodes come back on it, with their data.
    cli.run("up", lab, "-f", str(tiny), "--set", "supernet=10.252.0.0/16")
    assert set(states(cli, lab)) == set(before)
    assert set(states(cli, lab).values()) == {"healthy"}
    subnets = {
        one["IPAM"]["Config"][0]["Subnet"]
        for one in engine.sdk.api.networks(filters={"label": f"{Label.LAB}={lab}"})
    }
    assert subnets
    assert all(one.startswith("10.252.") for one in subnets)
    cli.run("down", lab)
    assert not leftovers(engine, lab)
