"""What runs is as confined as what was rendered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labgen.engine.client import Engine
from labgen.names import Label
from labgen.plan.model import LabPlan


@pytest.fixture(scope="module")
def inspected(engine: Engine, small: LabPlan) -> list[dict[str, Any]]:
    found = [
        engine.sdk.api.inspect_container(one["Id"]) for one in engine.containers(f"{Label.LAB}={small.name}")
    ]
    assert len(found) == len(small.nodes)
    return found


def test_no_container_is_privileged_or_holds_more_than_the_named_capabilities(
    inspected: list[dict[str, Any]],
) -> None:
    named = {"KILL", "NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "NET_RAW", "DAC_READ_SEARCH"}
    for one in inspected:
        host = one["HostConfig"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert {cap.removeprefix("CAP_") for cap in host["CapAdd"]} <= named, one["Name"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Init"]
        assert host["Memory"] > 0
        assert host["LogConfig"]["Config"]["max-size"]


def test_no_service_runs_as_root(engine: Engine, inspected: list[dict[str, Any]]) -> None:
    for one in inspected:
        top = engine.sdk.api.top(one["Id"], ps_args="-eo uid,pid,args")
        # The engine's own init is root without a service in it; health checks come and go.
        roots = [
            row
            for row in top["Processes"]
            if row[0] == "0"
            and "docker-init" not in row[2]
            and "tini" not in row[2]
            and "labgen-health" not in row[2]
            and "setpriv" not in row[2]
        ]
        assert not roots, (one["Name"], roots)


def test_services_hold_no_capability_unless_their_template_names_it(
    engine: Engine, inspected: list[dict[str, Any]]
) -> None:
    for one in inspected:
        kept = any(text.startswith("LABGEN_KEEP_CAPS=") for text in one["Config"]["Env"])
        done = engine.sdk.api.exec_create(one["Id"], ["sh", "-c", "cat /proc/[0-9]*/status"], user="900:900")
        text = engine.sdk.api.exec_start(done["Id"]).decode()
        effective = {
            line.split()[1]
            for block in text.split("Name:")
            if "\nUid:\t900" in block
            for line in block.splitlines()
            if line.startswith("CapEff:")
        }
        assert effective, one["Name"]
        assert kept or effective == {"0" * 16}, (one["Name"], effective)


def test_no_secret_is_visible_to_inspect_or_the_environment(
    inspected: list[dict[str, Any]], cli: Any, small: LabPlan
) -> None:
    text = json.dumps(inspected)
    for path in (cli.state / "labs" / small.name / "secrets").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() not in text


def test_only_the_front_end_publishes_and_only_on_loopback(
    engine: Engine, inspected: list[dict[str, Any]], small: LabPlan
) -> None:
    publishing = {
        one["Config"]["Labels"][Label.NODE] for one in inspected if one["HostConfig"]["PortBindings"]
    }
    assert publishing == {"frontend-1"}
    bound = [
        binding["HostIp"]
        for one in inspected
        for bindings in (one["HostConfig"]["PortBindings"] or {}).values()
        for binding in bindings
    ]
    assert set(bound) == {"127.0.0.1"}
    networks = engine.sdk.api.networks(filters={"label": f"{Label.LAB}={small.name}"})
    assert {one["Labels"][Label.LINK] for one in networks if not one["Internal"]} == {"public"}
    assert len(networks) == len(small.links) + 1
