"""What no document allows is refused, measured from inside each node's network namespace.

`refused` is the nodes' own answer; a probe that breaks says `failed`, and that is never counted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.assets import images_dir
from labgen.catalogue.model import Connection
from labgen.engine.client import Engine
from labgen.images import read_images
from labgen.names import container_name
from labgen.plan.model import LabPlan
from labgen.verify.expect import Expected
from labgen.verify.measure import PROBE_IMAGE, Measured, Outcome, measure

from .conftest import Cli

PROBE = read_images(images_dir())[PROBE_IMAGE].tag


def _tcp(port: int) -> Connection:
    """Return a row that asks for nothing but a TCP connection."""
    return Connection.model_validate(
        {
            "id": f"tcp-{port}",
            "from": "x",
            "to": "y",
            "protocol": "tcp",
            "port": port,
            "purpose": "-",
            "provenance": "inferred",
            "reference": "-",
        }
    )


def _forbidden(plan: LabPlan) -> list[Expected]:
    """Every ordered pair on a link, on each TCP port of the other end, but the documented ones."""
    listens: dict[str, set[int]] = {}
    for row in plan.connections:
        if row.transport == "tcp":
            listens.setdefault(row.destination, set()).add(row.port)
    found = {}
    for link in plan.links:
        rows = [plan.connection_by_id[one] for one in link.connections]
        for source in map(plan.node_by_name.__getitem__, link.members):
            for destination in map(plan.node_by_name.__getitem__, link.members):
                allowed = {
                    row.port
                    for row in rows
                    if (row.source, row.destination) == (source.role, destination.role)
                }
                for port in listens.get(destination.role, set()) - allowed:
                    if source is not destination:
                        found[source.name, destination.name, port] = Expected(
                            source.name, destination.name, _tcp(port)
                        )
    order = [node.name for node in plan.nodes]
    return sorted(found.values(), key=lambda one: order.index(one.source))


def _wrong(results: list[Measured]) -> list[str]:
    return [
        f"{one.expected.id}: {one.outcome} {one.evidence}"
        for one in results
        if one.outcome is not Outcome.REFUSED
    ]


def test_what_no_document_allows_is_refused(small: LabPlan) -> None:
    asked = _forbidden(small)
    assert len(asked) > 60
    results = measure(small.name, PROBE, asked, {})
    assert len(results) == len(asked)
    assert not _wrong(results), "\n".join(_wrong(results))


def test_the_front_ends_default_route_leads_nowhere(small: LabPlan) -> None:
    """Its gateway is this machine: neither a published port nor anything else is reached over it."""
    gateway = str(small.public_subnet.network_address + 1)
    ports = [one.host_port for one in small.published]
    asked = [Expected("frontend-1", gateway, _tcp(port)) for port in [22, *ports]]
    results = measure(small.name, PROBE, asked, {})
    assert not _wrong(results), "\n".join(_wrong(results))


def test_without_the_firewall_a_link_is_open(cli: Cli, tmp_path: Path) -> None:
    """The same question as above gets another answer: it is the firewall that refuses, not the server."""
    lab = cli.lab("open")
    settings = tmp_path / "lab.yaml"
    settings.write_text("{datacenters: 0, regions: 0, counts: {m: 0, novnc: 0, guacamole: 0, client: 0}}\n")
    asked = [Expected("redis-1", "api-1", _tcp(8009)), Expected("zookeeper-1", "api-1", _tcp(8010))]
    cli.run("up", lab, "-f", str(settings))
    assert not _wrong(measure(lab, PROBE, asked, {}))
    cli.run("up", lab, "-f", str(settings), "--no-firewall")
    results = measure(lab, PROBE, asked, {})
    assert [one.outcome for one in results] == [Outcome.OPEN, Outcome.OPEN]
    cli.run("down", lab)


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
