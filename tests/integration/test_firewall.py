"""The firewall of each node: what it adds to the links, and that nobody in a node can change it.

That it lets nothing undocumented pass is measured by tests/integration/test_connections.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labgen.engine.client import Engine
from labgen.names import container_name
from labgen.plan.model import LabPlan

from .conftest import Cli


def test_without_the_firewall_a_link_is_open(cli: Cli, tmp_path: Path) -> None:
    """The same question gets another answer: it is the firewall that refuses, not the server."""
    lab = cli.lab("open")
    settings = tmp_path / "lab.yaml"
    settings.write_text("{datacenters: 0, regions: 0, counts: {m: 0, novnc: 0, guacamole: 0, client: 0}}\n")
    cli.run("up", lab, "-f", str(settings))
    assert set(_closed(cli, lab)) == {"refused", "unreachable"}
    cli.run("up", lab, "-f", str(settings), "--no-firewall")
    # Both HTTP and AJP of the API are open to Redis, and that is as planned.
    assert _closed(cli, lab)["open"] == 2
    assert {one["enforced"] for one in json.loads(cli.run("status", lab, "--format", "json").stdout)} == {
        "links only"
    }
    cli.run("down", lab)


def _closed(cli: Cli, lab: str) -> dict[str, int]:
    """Return what became of Redis asking the API, which no document lets it."""
    document = json.loads(cli.run("verify", lab, "--only", "redis:api", "--format", "json").stdout)
    (cell,) = document["cells"]
    assert cell["state"] == "closed"
    closed: dict[str, int] = cell["closed"]
    return closed


def test_a_service_cannot_change_its_rules(engine: Engine, small: LabPlan) -> None:
    container = container_name(small.name, "api-1")
    done = engine.sdk.api.exec_create(container, ["nft", "flush", "ruleset"], user="900:900")
    said = engine.sdk.api.exec_start(done["Id"]).decode()
    assert engine.sdk.api.exec_inspect(done["Id"])["ExitCode"] != 0
    assert "Operation not permitted" in said


@pytest.mark.parametrize("node", ["api-1", "dc1-dhcp-1"])
def test_a_restart_loads_the_rules_again(cli: Cli, engine: Engine, small: LabPlan, node: str) -> None:
    container = container_name(small.name, node)
    engine.sdk.api.restart(container, timeout=10)
    done = engine.sdk.api.exec_create(container, ["nft", "list", "table", "inet", "labgen"], user="root")
    text = engine.sdk.api.exec_start(done["Id"]).decode()
    assert text.count("policy drop") == 2
    assert 'comment "' in text
    cli.run("start", node, "--lab", small.name)  # waits until it is healthy again, for the tests that follow
