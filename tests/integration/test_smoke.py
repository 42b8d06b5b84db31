"""The platform's journey on a real lab: what it crosses, what it leaves, and that the proof still holds."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine.client import Engine
from labgen.engine.cuts import load_rules
from labgen.engine.state import LabState
from labgen.names import container_name
from labgen.plan.model import LabPlan
from labgen.verify.lab import verify_lab

from .conftest import Cli

_COUNTED = re.compile(r'dport \S+ counter packets (?P<packets>\d+) .*comment "(?P<row>[^"]+)"')


@pytest.fixture(scope="module")
def journey(small: LabPlan, cli: Cli) -> dict[str, Any]:
    """What the program says of the journey, which came to its end."""
    found: dict[str, Any] = json.loads(cli.run("smoke", small.name, "--format", "json").stdout)
    return found


def test_every_step_is_made_at_every_site(journey: dict[str, Any], small: LabPlan) -> None:
    made = [(step["site"], step["id"]) for step in journey["steps"]]
    wanted = {
        (site.name, step.id)
        for site in small.sites
        for step in default_catalogue().journey
        if step.scope is site.scope
    }
    assert set(made) == wanted
    assert len(made) == len(wanted)


def test_servers_tell_what_they_did(journey: dict[str, Any]) -> None:
    deploys = {step["site"]: step for step in journey["steps"] if step["id"] == "deploy"}
    told = {
        site: {one["row"] for one in step["crossed"] if one["ms"] is not None}
        for site, step in deploys.items()
    }
    assert {"25", "30", "39"} <= told["dc1"]
    assert "42" in told["pcr1"]


@pytest.mark.usefixtures("journey")
def test_the_proof_still_holds(engine: Engine, small: LabPlan, cli: Cli) -> None:
    table = verify_lab(engine, LabState(small.name, cli.state / "labs" / small.name), small)
    assert not table.differences, "\n".join(map(str, table.differences))


def test_every_row_of_the_journey_has_carried_traffic(
    engine: Engine, small: LabPlan, journey: dict[str, Any]
) -> None:
    crossed = {one["row"] for step in journey["steps"] for one in step["crossed"]}
    # The journey begins on this machine and not in the user's node.
    ends = [
        (node.name, row.id)
        for node in small.nodes
        for row in small.connections
        if row.id in crossed and node.role in (row.source, row.destination)
        if row.source != "client"
    ]
    silent = []
    for name in {name for name, _ in ends}:
        rules = load_rules(engine, small.name, container_name(small.name, name), "list table inet labgen")
        counted = {found["row"]: int(found["packets"]) for found in _COUNTED.finditer(rules)}
        silent += [(end, row) for end, row in ends if end == name and not counted.get(row)]
    assert ends
    assert not silent, "rows that no packet has crossed, by node"
