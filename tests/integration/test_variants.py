"""Where the documents know two ways: the other one, in labs of its own, spoken and nothing else possible.

Only choices that a shipped server serves; the rest is data. Several labs, since row 15 has two other ways.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from labgen.catalogue.load import default_catalogue
from labgen.engine.client import Engine
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.parse import check_spec
from labgen.plan.spec import LabSpec
from labgen.verify.expect import HOST, Expected, expected_dialogues
from labgen.verify.lab import verify_lab
from labgen.verify.table import Outcome, State, TruthTable

from .conftest import SECONDS, Cli

#: What each lab is made of. Every node has a connection: a Redis that nobody uses is left out.
LABS: dict[str, dict[str, Any]] = {
    "other-ways": {
        "datacenters": 1,
        "regions": 1,
        "counts": {"prs-redis": 0},
        "variants": {
            "redis": "datanode",
            "api-proxy": "http",
            "m-proxy": "ajp",
            "am-proxy": "http",
            "api-location": "http",
            "bpm-redis": "local",
            "dhcp-source": "api",
        },
    },
    "m-to-api": {
        "datacenters": 0,
        "regions": 0,
        "counts": dict.fromkeys(["frontend", "ui", "novnc", "guacamole", "redis", "zookeeper", "client"], 0),
        "variants": {"m-api": "direct"},
    },
    # One datanode in front of one server of each kind, for everybody. Several of each are in test_large.py.
    "datanode": {
        "datacenters": 1,
        "regions": 1,
        "counts": {
            **dict.fromkeys(
                ["bpm", "nfs", "hypervisor", "guest", "dhcp", "rs-redis", "prs-redis", "cloud"], 0
            ),
            **dict.fromkeys(["novnc", "guacamole", "client"], 0),
            "datanode": 1,
        },
        "variants": {"redis": "datanode", "datanode": "virtual"},
    },
}


def planned(lab: str) -> LabPlan:
    """Return the plan of one of LABS, but for names and addresses."""
    catalogue = default_catalogue()
    return make_plan(catalogue, check_spec(catalogue, LabSpec.model_validate(LABS[lab]), lab), lab)


def other_ways() -> list[tuple[str, Expected]]:
    """Return each lab's dialogues by rows that no lab has by default."""
    usual = {row.id for row in default_catalogue().chosen({})}
    return [
        (lab, one)
        for lab in LABS
        for one in expected_dialogues(planned(lab))
        if one.connection.id not in usual
    ]


@dataclass
class Running:
    """A lab that runs, and what was measured in it."""

    plan: LabPlan
    table: TruthTable
    folder: Path
    cli: Cli

    def asked(self, path: str) -> httpx.Response:
        """Ask the platform as a user does, from this machine over HTTPS; return the head of the answer."""
        address = next(one.address for one in self.plan.published if one.name == "https")
        password = (self.folder / "secrets" / "api_admin_password").read_text()
        trusted = ssl.create_default_context(cafile=str(self.folder / "tls" / "ca.crt"))
        with (
            httpx.Client(verify=trusted, auth=("admin", password), timeout=20) as client,
            client.stream("GET", f"https://{address}{path}") as answer,
        ):
            return answer


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    name = cli.lab(request.param)
    settings = tmp_path_factory.mktemp(request.param) / "lab.yaml"
    settings.write_text(yaml.safe_dump(LABS[request.param]))
    cli.run("up", name, "-f", str(settings))
    state = LabState(name, cli.state / "labs" / name)
    plan = plan_of_lab(state)
    yield Running(plan, verify_lab(engine, state, plan), state.folder, cli)
    cli.run("down", name)


@pytest.mark.parametrize(
    ("running", "promised"),
    other_ways(),
    ids=[one.id for _, one in other_ways()],
    indirect=["running"],
    scope="module",  # without it the lab would be one for each test
)
def test_documented_connection_is_spoken(running: Running, promised: Expected) -> None:
    (found,) = [
        one
        for one in running.table.by_pair[promised.source, promised.destination].dialogues
        if one.connection == promised.connection.id
    ]
    assert found.outcome is Outcome.SPOKEN, found.evidence


@pytest.mark.parametrize("running", LABS, indirect=True)
def test_nothing_else_is_possible(running: Running) -> None:
    table = running.table
    assert not table.differences, "\n".join(map(str, table.differences))
    names = [*running.plan.node_by_name, HOST]
    assert [(one.source, one.destination) for one in table.cells] == [
        (one, other) for one in names for other in names if one != other
    ]
    assert {one.state for one in table.cells} == {State.SPOKEN, State.CLOSED}


@pytest.mark.parametrize("running", ["other-ways"], indirect=True)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/am/check", "text/vnd.abiquo.datacenteruuid"),  # row 6-http
        ("/m/stream", "text/event-stream"),  # rows 5-ajp and 15-http: M asks the API who may listen
    ],
)
def test_servers_go_the_other_way(running: Running, path: str, kind: str) -> None:
    """That a connection can be spoken is not yet that the servers at its ends use it."""
    deadline = time.monotonic() + SECONDS
    # On a busy machine a server may say for a moment that a neighbour of it took too long.
    while (answer := running.asked(path)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(1)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)


@pytest.mark.parametrize("running", ["other-ways"], indirect=True)
def test_the_ui_server_reaches_the_api_over_http(running: Running) -> None:
    """Row 4. The front end passes /api by the UI server, so it is asked where it is."""
    check = ["labgen-health", "http", "http://127.0.0.1/api/version"]
    said = running.cli.run("exec", "--lab", running.plan.name, "ui-1", *check).stdout
    assert said.strip() == "http://127.0.0.1/api/version answers 200"


@pytest.mark.parametrize("running", ["other-ways"], indirect=True)
def test_the_api_writes_a_machines_lease_and_takes_it_back(running: Running) -> None:
    """Row 30-api. ISC dhcpd keeps in its file each host that came over OMAPI, and that it went."""
    lab = running.plan.name
    running.cli.run("smoke", lab)
    kept = running.cli.run("exec", "--lab", lab, "dc1-dhcp-1", "cat", "/var/lib/dhcp/dhcpd.leases").stdout
    hosts = re.findall(r"^host (ABQ_\S+) \{(.*?)^\}", kept, re.DOTALL | re.MULTILINE)
    assert len({name for name, _ in hosts}) == 1, kept
    (_, came), (_, went) = hosts
    assert re.search(r"fixed-address 198\.18\.\d+\.\d+;", came)
    assert "deleted;" in went
