"""The large lab: clusters are real, their rows are spoken, nothing else is possible, and servers may die."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine.client import Engine
from labgen.engine.observe import observe
from labgen.engine.plans import plan_of_lab
from labgen.engine.state import LabState
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.parse import parse_spec
from labgen.smoke.run import address_of
from labgen.smoke.users import Users
from labgen.verify.expect import HOST, Expected, expected_dialogues
from labgen.verify.faults import Kind
from labgen.verify.faults_lab import hit_lab
from labgen.verify.lab import lab_secrets, other_labs, verify_lab
from labgen.verify.table import Outcome, State, TruthTable

from .conftest import Cli
from .containers import containers
from .outage import REFUSED, Outage, without_quorum

#: Enough for two slow processors that do other work as well; what it should take is in docs/performance.md.
UP = 600.0


def planned(size: str) -> LabPlan:
    catalogue = default_catalogue()
    return make_plan(catalogue, parse_spec(catalogue, size=size), size)


def rows_of_clusters() -> list[Expected]:
    """Return one dialogue for each row that only clusters have."""
    usual = {one.connection.id for one in expected_dialogues(planned("small"))}
    found: dict[str, Expected] = {}
    for one in expected_dialogues(planned("large")):
        if one.connection.id not in usual:
            found.setdefault(one.connection.id, one)
    return list(found.values())


@dataclass
class Large:
    """The large lab, running."""

    engine: Engine
    cli: Cli
    plan: LabPlan
    state: LabState

    @property
    def name(self) -> str:
        return self.plan.name

    def kill_everything(self) -> None:
        """As when the power fails: all at once, and nobody is told."""
        for one in observe(self.engine, self.name).values():
            self.engine.sdk.api.kill(one.container)


@pytest.fixture(scope="module")
def large(engine: Engine, cli: Cli) -> Iterator[Large]:
    name = cli.lab("large")
    cli.run("up", name, "--size", "large", "--timeout", str(int(UP)), seconds=UP + 60)
    state = LabState(name, cli.state / "labs" / name)
    yield Large(engine, cli, plan_of_lab(state), state)
    cli.run("down", name)


@pytest.fixture(scope="module")
def table(large: Large) -> TruthTable:
    return verify_lab(large.engine, large.state, large.plan)


@pytest.mark.parametrize("promised", rows_of_clusters(), ids=lambda one: one.id)
def test_documented_connection_is_spoken(promised: Expected, table: TruthTable) -> None:
    """Between all that the row joins, and at the addresses that they share."""
    dialogues = [
        one for cell in table.cells for one in cell.dialogues if one.connection == promised.connection.id
    ]
    assert dialogues
    # A port that only the leader has is refused by the others; what is due is in the differences.
    good = {Outcome.SPOKEN, *([Outcome.REFUSED] if promised.connection.leader else [])}
    assert {one.outcome for one in dialogues} <= good, dialogues
    assert Outcome.SPOKEN in {one.outcome for one in dialogues}


def test_nothing_else_is_possible(table: TruthTable, large: Large) -> None:
    assert not table.differences, "\n".join(map(str, table.differences))
    names = [*large.plan.node_by_name, HOST]
    assert len(table.cells) == len(names) * (len(names) - 1)
    assert {one.state for one in table.cells} == {State.SPOKEN, State.CLOSED}


def test_the_journey_is_made_in_every_site(large: Large) -> None:
    said = large.cli.run("smoke", large.name).stdout
    assert {"dc1", "dc2", "pcr1", "pcr2"} <= {word for line in said.splitlines() for word in line.split()}


@pytest.mark.parametrize(
    "nodes",
    [
        ("api-1", "ui-1"),
        ("mysql-1", "m-1"),
        ("redis-1", "zookeeper-1", "novnc-1"),
        ("frontend-1", "rabbitmq-1", "guacamole-1"),
        ("datanode-1", "sentinel-1"),
    ],
    ids="+".join,
)
def test_the_platform_goes_on_without_one_of_each(large: Large, nodes: tuple[str, ...]) -> None:
    done = hit_lab(large.engine, large.plan, lab_secrets(large.state), [nodes], Kind.KILL)
    (blow,) = done.blows
    assert blow.spare
    assert not done.fault, f"{done.fault}\n{done}"
    # Some were accepted before, between and after, so that there is something to lose.
    assert done.accepted > 10


def without(large: Large, *gone: str) -> Outage:
    """Kill these nodes under load, and let them run again later; nothing accepted is lost."""
    secrets = lab_secrets(large.state)

    def start() -> None:
        large.cli.run("start", *gone, "--lab", large.name, "--timeout", str(int(UP)), seconds=UP + 60)

    seen = without_quorum(large.engine, large.plan, secrets, address_of(large.plan, secrets), gone, start)
    assert (seen.lost, seen.unknown) == ((), "")
    assert seen.accepted >= 10
    # The platform says no in its own words: nobody is kept waiting, and no other server has to say it.
    assert not [one for one in seen.said if not REFUSED.fullmatch(one)], seen.said
    return seen


@pytest.mark.parametrize(
    ("gone", "refusal"),
    [
        (("mysql-1", "mysql-2"), "503 The database is not available now (503-DATABASE)"),
        (("redis-1", "redis-2"), "503 Sessions are not available now (503-SESSIONS)"),
    ],
    ids=["mysql", "redis"],
)
def test_without_a_quorum_it_refuses(large: Large, gone: tuple[str, ...], refusal: str) -> None:
    seen = without(large, *gone)
    assert {one.partition(": ")[2] for one in seen.said} == {refusal}
    assert seen.refusal.endswith(refusal)
    assert all(one.error for one in seen.attempts)


def test_what_brokers_and_the_leader_do_is_done_afterwards(large: Large) -> None:
    """Neither is asked while a user waits: what is accepted is in MySQL, and told to RabbitMQ later."""
    seen = without(large, "rabbitmq-1", "rabbitmq-2", "zookeeper-1", "zookeeper-2")
    assert seen.said == set()
    assert seen.refusal == ""


def test_front_ends_come_and_go(large: Large) -> None:
    """They share an address. One more of them is nobody else's business, and no user notices."""
    before = containers(large.engine, large.name)
    address = address_of(large.plan, lab_secrets(large.state))
    with Users(address, large.plan.sites[1].name) as users:
        large.cli.run("up", large.name, "--set", "frontend=3")
        grown = containers(large.engine, large.name)
        assert grown.keys() - before.keys() == {"frontend-3"}
        assert {name: grown[name] for name in before} == before
        table = verify_lab(large.engine, large.state, plan_of_lab(large.state))
        assert not table.differences, "\n".join(map(str, table.differences))
        large.cli.run("up", large.name, "--set", "frontend=2")
        assert containers(large.engine, large.name) == before
        users.finish()
    assert [one.error for one in users.since(0) if one.error] == []
    assert users.accepted > 20
    assert users.lost == ()


def test_a_small_lab_beside_it(large: Large, cli: Cli) -> None:
    """Neither reaches the other: each is verified, which asks for addresses of all labs."""
    before = containers(large.engine, large.name)
    name = cli.lab("beside")
    cli.run("up", name, "--size", "small", "--timeout", str(int(UP)), seconds=UP + 60)
    state = LabState(name, cli.state / "labs" / name)
    small = plan_of_lab(state)
    for mine, plan, other in ((state, small, large.plan), (large.state, large.plan, small)):
        foreign = [IPv4Address(one) for one in other_labs(large.engine, plan.name)]
        assert [one for one in foreign if one in other.supernet], foreign
        found = verify_lab(large.engine, mine, plan)
        assert not found.differences, "\n".join(map(str, found.differences))
    cli.run("smoke", name)
    cli.run("down", name)
    assert containers(large.engine, large.name) == before
    assert not verify_lab(large.engine, large.state, large.plan).differences


def test_a_power_cut_loses_nothing(large: Large) -> None:
    site = large.plan.sites[1].name
    address = address_of(large.plan, lab_secrets(large.state))
    with Users(address, site) as users:
        deadline = time.monotonic() + 60
        while users.accepted < 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        large.kill_everything()
        large.cli.run("up", large.name, "--size", "large", "--timeout", str(int(UP)), seconds=UP + 60)
        users.finish()
    assert users.accepted >= 20
    assert users.lost == ()
    large.cli.run("smoke", large.name)
