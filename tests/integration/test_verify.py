"""`labgen verify` finds what is planted, says what it is, and does not cry wolf."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound

from labgen.engine.client import Engine
from labgen.engine.cuts import load_rules
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState
from labgen.names import container_name, network_name
from labgen.plan.model import LabPlan
from labgen.verify.running import verify_running

from .conftest import PREFIX, SECONDS, Cli

#: The platform without its datacenters: eight nodes, quick to start and to ask.
SOME = "{datacenters: 0, regions: 0, counts: {m: 0, novnc: 0, guacamole: 0}}\n"
Found = dict[str, Any]


@dataclass
class Planted:
    """A lab to plant faults in, and what `labgen verify` makes of it."""

    name: str
    plan: LabPlan
    folder: Path
    cli: Cli
    engine: Engine

    def verify(self, code: int = 5, *options: str) -> list[Found]:
        """Return the differences that the program finds."""
        done = self.cli.run("verify", self.name, "--format", "json", *options, code=code)
        document = json.loads(done.stdout)
        assert document["equal"] is (code == 0)
        found: list[Found] = document["differences"]
        assert not [one for one in found if one["kind"] == "probe"], found
        return found

    def container(self, node: str) -> str:
        return container_name(self.name, node)

    def link(self, link: str) -> str:
        return network_name(self.name, link)

    def address(self, node: str, link: str) -> str:
        return next(one.address for one in self.plan.node_by_name[node].interfaces if one.link == link)

    def rules(self, node: str) -> str:
        return (self.folder / "nodes" / node / "firewall.nft").read_text()

    def run(self, node: str, *command: str, user: str = "900:900", detach: bool = False) -> str:
        """Run a program in a node."""
        api = self.engine.sdk.api
        started = api.exec_create(self.container(node), list(command), user=user)["Id"]
        if detach:
            api.exec_start(started, detach=True)
            return ""
        said: str = api.exec_start(started).decode()
        assert api.exec_inspect(started)["ExitCode"] == 0, said
        return said

    @contextmanager
    def reloaded(self, node: str, text: str) -> Iterator[None]:
        """Let a node have other rules than its own."""
        load_rules(self.engine, self.name, self.container(node), text)
        try:
            yield
        finally:
            load_rules(self.engine, self.name, self.container(node), self.rules(node))

    @contextmanager
    def moved(self, node: str, link: str, **elsewhere: Any) -> Iterator[None]:
        """Take a node off a link; put it back where it was."""
        api = self.engine.sdk.api
        own = self.address(node, link)
        api.disconnect_container_from_network(self.container(node), self.link(link))
        try:
            if elsewhere:
                api.connect_container_to_network(self.container(node), **elsewhere)
            yield
        finally:
            if elsewhere:
                api.disconnect_container_from_network(self.container(node), elsewhere["net_id"])
            api.connect_container_to_network(
                self.container(node), self.link(link), ipv4_address=own, aliases=[node]
            )


@pytest.fixture(scope="module")
def planted(cli: Cli, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    name = cli.lab("planted")
    settings = tmp_path_factory.mktemp("planted") / "lab.yaml"
    settings.write_text(SOME)
    cli.run("up", name, "-f", str(settings))
    state = LabState(name, cli.state / "labs" / name)
    lab = Planted(name, plan_of_lab(state), state.folder, cli, engine)
    lab.verify(0)
    yield lab
    cli.run("down", name)


@pytest.fixture(autouse=True)
def _as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test planted is gone after it: the next one would find it as well."""
    yield
    if "planted" in request.fixturenames:
        request.getfixturevalue("planted").verify(0)


def facts(found: list[Found], *keys: str) -> set[tuple[str, ...]]:
    return {tuple(one[key] for key in keys) for one in found}


def test_a_rule_removed(planted: Planted) -> None:
    text = planted.rules("api-1")
    without = "\n".join(line for line in text.splitlines() if 'comment "9"' not in line) + "\n"
    assert without != text
    with planted.reloaded("api-1", without):
        found = planted.verify()
    assert facts(found, "kind", "source", "destination", "connection", "found") == {
        ("connection", "api-1", "mysql-1", "9", "refused"),
        ("rules", "api-1", "", "9", "is not in force"),
    }


def test_a_refusal_removed_though_the_other_end_still_refuses(planted: Planted) -> None:
    """No probe gets through: the source's own rules hold. The destination's would not."""
    head, _, tail = planted.rules("mysql-1").rpartition("    meta l4proto tcp reject with tcp reset\n")
    with planted.reloaded("mysql-1", head + tail.replace("reject with icmpx admin-prohibited", "accept")):
        found = planted.verify()
    assert facts(found, "kind", "source") == {("rules", "mysql-1")}
    assert "was not rendered" in {one["found"] for one in found}


def test_an_extra_listener(planted: Planted) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - in a container, and that is the fault
    server = ["redis-server", "--port", "4444", "--bind", everywhere, "--dir", "/run/labgen"]
    planted.run("redis-1", *server, detach=True)
    ping = "for i in $(seq 100); do redis-cli -p 4444 ping && exit; done; exit 1"
    planted.run("redis-1", "sh", "-c", ping)
    try:
        found = planted.verify()
    finally:
        planted.run("redis-1", "redis-cli", "-p", "4444", "shutdown", "nosave")
    assert facts(found, "kind", "source", "question") == {("listener", "redis-1", "0.0.0.0:4444/tcp")}


def test_an_extra_network(planted: Planted, engine: Engine) -> None:
    api = engine.sdk.api
    network = api.create_network(f"{PREFIX}stranger", driver="bridge")["Id"]
    try:
        api.connect_container_to_network(planted.container("redis-1"), network)
        try:
            found = planted.verify()
        finally:
            api.disconnect_container_from_network(planted.container("redis-1"), network)
    finally:
        api.remove_network(network)
    assert facts(found, "kind", "source") == {("network", "redis-1")}
    (only,) = found
    assert only["question"].startswith("address ")
    assert only["found"] == "on a network of no document"


def test_a_node_on_a_wrong_network(planted: Planted) -> None:
    wrong = planted.link("api-mysql")
    with planted.moved("redis-1", "api-redis", net_id=wrong):
        found = planted.verify()
    own = planted.address("redis-1", "api-redis")
    assert ("network", "redis-1", f"{own} on link api-redis", "missing", "13") in facts(
        found, "kind", "source", "question", "found", "connection"
    )
    assert ("network", "redis-1", "on a network of no document") in facts(found, "kind", "source", "found")
    assert ("connection", "api-1", "redis-1", "13") in facts(
        found, "kind", "source", "destination", "connection"
    )
    # Whoever is on that network now knows the name.
    assert ("name", "mysql-1", "redis-1") in facts(found, "kind", "source", "destination")


def test_a_stopped_server(planted: Planted) -> None:
    planted.cli.run("stop", "redis-1", "--lab", planted.name)
    try:
        found = planted.verify()
    finally:
        planted.cli.run("start", "redis-1", "--lab", planted.name)
    assert facts(found, "kind", "source", "destination", "connection") == {
        ("node", "redis-1", "", ""),
        ("connection", "api-1", "redis-1", "13"),
    }


def test_a_server_on_the_wrong_port(planted: Planted) -> None:
    planted.run("redis-1", "redis-cli", "config", "set", "port", "6380")
    try:
        found = planted.verify()
    finally:
        planted.run("redis-1", "redis-cli", "-p", "6380", "config", "set", "port", "6379")
    assert facts(found, "kind", "source", "destination", "connection") == {
        ("connection", "api-1", "redis-1", "13"),
        ("listener", "redis-1", "", ""),
    }
    assert "0.0.0.0:6380/tcp" in {one["question"] for one in found}


def test_a_name_that_resolves_and_should_not(planted: Planted) -> None:
    here = {"net_id": planted.link("ui-api"), "ipv4_address": planted.address("api-1", "ui-api")}
    with planted.moved("api-1", "ui-api", **here, aliases=["api-1", "mysql-1"]):
        found = planted.verify()
    assert facts(found, "kind", "source", "destination", "expected", "found") == {
        ("name", "ui-1", "mysql-1", "unknown", here["ipv4_address"])
    }


def test_egress_opened(planted: Planted) -> None:
    opened = planted.rules("frontend-1").replace('    oif "lo" accept\n', '    oif "lo" accept\n    accept\n')
    with planted.reloaded("frontend-1", opened):
        found = planted.verify()
    ways = facts(found, "kind", "source", "destination")
    assert ("escape", "frontend-1", "internet") in ways
    assert ("escape", "frontend-1", "host") in ways
    assert ("rules", "frontend-1", "") in ways
    # The probe of this machine waits there: somebody really came.
    assert any(one["found"] == "open" for one in found if one["destination"] == "host")


def test_a_cut_wire_is_seen_and_is_no_difference(planted: Planted) -> None:
    planted.cli.run("cut", "mysql-1", "api-1", "--lab", planted.name)
    try:
        done = planted.cli.run("verify", planted.name, "--format", "json")
        cells = {
            (one["source"], one["destination"]): one["state"] for one in json.loads(done.stdout)["cells"]
        }
        assert cells["api-1", "mysql-1"] == "cut"
        assert sorted(cells.values()).count("cut") == 1
        rows = json.loads(planted.cli.run("status", planted.name, "--format", "json").stdout)
        assert {one["node"]: one["cut"] for one in rows if one["cut"]} == {
            "api-1": ["mysql-1"],
            "mysql-1": ["api-1"],
        }
        # It outlives a restart of the node that drops the packets.
        planted.cli.run("restart", "api-1", "--lab", planted.name, "--no-wait")
        again = planted.cli.run("verify", planted.name, "--only", "api-1:mysql-1", "--format", "json")
        assert json.loads(again.stdout)["cells"][0]["state"] == "cut"
    finally:
        planted.cli.run("heal", "--lab", planted.name)
        planted.cli.run("start", "--lab", planted.name)  # waits until all is well


def test_a_cut_that_is_not_in_force(planted: Planted) -> None:
    planted.cli.run("cut", "api-1", "redis-1", "--lab", planted.name)
    try:
        load_rules(
            planted.engine,
            planted.name,
            planted.container("api-1"),
            "table inet labgen_cuts {}\ndelete table inet labgen_cuts\n",
        )
        found = planted.verify()
    finally:
        planted.cli.run("heal", "api-1", "redis-1", "--lab", planted.name)
        planted.cli.run("start", "--lab", planted.name)
    assert facts(found, "kind") == {("cut",)}


def test_a_foreign_image_has_its_rules_from_beside(planted: Planted, engine: Engine, tmp_path: Path) -> None:
    """Redis as anybody would have it: no entry point of ours, no knowledge of any rule."""
    tag = f"{PREFIX}vendor/redis:7".lower()
    own = engine.sdk.api.inspect_container(planted.container("redis-1"))["Config"]["Image"]
    (tmp_path / "Dockerfile").write_text(
        f"FROM {own}\nENTRYPOINT []\nUSER 900\nHEALTHCHECK CMD redis-cli ping\n"
        'CMD ["redis-server", "--protected-mode", "no", "--dir", "/var/lib/redis"]\n'
    )
    engine.sdk.images.build(path=str(tmp_path), tag=tag, rm=True)
    settings = tmp_path / "lab.yaml"
    try:
        settings.write_text(SOME[:-2] + f', images: {{redis: "{tag}"}}}}\n')
        planted.cli.run("up", planted.name, "-f", str(settings))
        planted.verify(0)
        rows = json.loads(planted.cli.run("status", planted.name, "--format", "json").stdout)
        assert {one["node"]: one["enforced"] for one in rows}["redis-1"] == "beside"
        inspected = engine.sdk.api.inspect_container(planted.container("redis-1"))
        assert not {"NET_ADMIN", "CAP_NET_ADMIN"} & set(inspected["HostConfig"]["CapAdd"])
        planted.cli.run("restart", "redis-1", "--lab", planted.name)
        planted.verify(0)
    finally:
        settings.write_text(SOME)
        planted.cli.run("up", planted.name, "-f", str(settings))
        engine.sdk.api.remove_image(tag)


def test_reports(planted: Planted, tmp_path: Path) -> None:
    junit, page = tmp_path / "junit.xml", tmp_path / "page.html"
    done = planted.cli.run("verify", planted.name, "--junit", str(junit), "--html", str(page))
    assert "0 differences" in done.stdout
    suites = ET.parse(junit).getroot()  # noqa: S314 - our own
    cases = list(suites.iter("testcase"))
    assert len(cases) > 64
    assert not list(suites.iter("failure"))
    text = page.read_text()
    assert "api-1" in text
    assert "src=" not in text, "one page, and nothing from elsewhere"


def test_only_some_pairs(planted: Planted) -> None:
    done = planted.cli.run("verify", planted.name, "--only", "api:platform", "--format", "json")
    assert {one["source"] for one in json.loads(done.stdout)["cells"]} == {"api-1"}
    wrong = planted.cli.run("verify", planted.name, "--only", "apo-1", code=2)
    assert "--only: lab" in wrong.stderr
    assert "api-1" in wrong.stderr


def test_nothing_is_left_of_a_probe(planted: Planted, engine: Engine) -> None:
    """The engine removes a probe when it has ended; it may still be at it."""
    planted.verify(0)
    label = f"io.labgen.lab={planted.name}"
    for one in engine.containers(label, "io.labgen.probe"):
        with suppress(NotFound):
            engine.sdk.api.wait(one["Id"], condition="removed", timeout=SECONDS)
    left = {name.lstrip("/") for one in engine.containers(label) for name in one["Names"]}
    assert left == {planted.container(node) for node in planted.plan.node_by_name}


def test_twenty_runs_on_a_healthy_lab_find_nothing(planted: Planted) -> None:
    state = LabState(planted.name, planted.folder)
    for _ in range(20):
        table = verify_running(planted.engine, state)
        assert table.equal, table.differences
