"""Where the documents know two ways: what choosing the other one changes in a plan."""

from __future__ import annotations

import pytest

from labgen.plan.spec import LabSpec
from tests.unit.plan.specs import CATALOGUE, plan_of


def reaches(source: str, **choices: str) -> set[tuple[str, str, int]]:
    """Return (node, protocol, port) of what node `source` may reach in a small lab under `choices`."""
    plan = plan_of(LabSpec(variants={topic.replace("_", "-"): choice for topic, choice in choices.items()}))
    found = plan.neighbours(plan.node_by_name[source])
    return {(one.node.name, one.connection.protocol, one.connection.port) for one in found}


@pytest.mark.parametrize(
    ("variant", "choice", "source", "default", "other"),
    [
        ("redis", "datanode", "dc1-rs-1", ("dc1-redis-1", "redis", 6379), ("redis-1", "redis", 6379)),
        ("redis", "datanode", "pcr1-prs-1", ("pcr1-redis-1", "redis", 6379), ("redis-1", "redis", 6379)),
        ("api-proxy", "http", "ui-1", ("api-1", "ajp", 8010), ("api-1", "http", 8009)),
        ("m-proxy", "ajp", "ui-1", ("m-1", "http", 8009), ("m-1", "ajp", 8010)),
        ("am-proxy", "http", "ui-1", ("dc1-rs-1", "ajp", 8010), ("dc1-rs-1", "http", 8009)),
        ("api-location", "http", "m-1", ("frontend-1", "https", 443), ("frontend-1", "http", 80)),
        ("api-location", "http", "dc1-rs-1", ("frontend-1", "https", 443), ("frontend-1", "http", 80)),
        ("api-location", "http", "novnc-1", ("frontend-1", "https", 443), ("frontend-1", "http", 80)),
        ("api-location", "http", "dc1-guest-1", ("frontend-1", "https", 443), ("frontend-1", "http", 80)),
        (
            "zookeeper-port",
            "puppet",
            "api-1",
            ("zookeeper-1", "zookeeper", 2181),
            ("zookeeper-1", "zookeeper", 8081),
        ),
        (
            "aim-port",
            "compiled",
            "dc1-rs-1",
            ("dc1-hypervisor-1", "aim", 8889),
            ("dc1-hypervisor-1", "aim", 60606),
        ),
        ("novnc-port", "direct", "client-1", ("frontend-1", "wss", 41337), ("novnc-1", "wss", 41337)),
    ],
)
def test_other_way_instead_of_the_default(
    variant: str, choice: str, source: str, default: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    usual, changed = reaches(source), reaches(source, **{variant: choice})
    assert default in usual - changed
    assert other in changed - usual


def test_redis_of_the_datanode_leaves_the_others_alone() -> None:
    plan = plan_of(LabSpec(variants={"redis": "datanode"}))
    for name in ("dc1-redis-1", "pcr1-redis-1"):
        node = plan.node_by_name[name]
        assert node.interfaces == ()
        assert plan.neighbours(node) == plan.clients(node) == ()
    clients = {one.node.name for one in plan.clients(plan.node_by_name["redis-1"])}
    assert clients == {"api-1", "dc1-rs-1", "pcr1-prs-1"}


def test_leases_written_by_the_api() -> None:
    assert ("dc1-dhcp-1", "omapi", 7911) in reaches("dc1-rs-1")
    assert ("dc1-dhcp-1", "omapi", 7911) not in reaches("dc1-rs-1", dhcp_source="api")
    assert ("dc1-dhcp-1", "omapi", 7911) in reaches("api-1", dhcp_source="api")


def test_redis_of_bpm_is_optional() -> None:
    assert reaches("dc1-bpm-1", bpm_redis="local") - reaches("dc1-bpm-1") == {("dc1-redis-1", "redis", 6379)}


@pytest.mark.parametrize("source", ["dc1-rs-1", "dc1-bpm-1", "dc1-hypervisor-1"])
def test_nfs_v3_adds_the_port_mapper(source: str) -> None:
    assert reaches(source, nfs="v3") - reaches(source) == {("dc1-nfs-1", "rpcbind", 111)}


def test_direct_console_leaves_nothing_between_front_end_and_websockify() -> None:
    plan = plan_of(LabSpec(variants={"novnc-port": "direct"}))
    between = [link for link in plan.links if set(link.roles) == {"frontend", "novnc"}]
    # Row 37: websockify asks the API at its public address; row 36 is gone.
    assert [link.connections for link in between] == [("37",)]


def test_every_choice_can_be_planned() -> None:
    for topic, variant in CATALOGUE.variants.items():
        for choice in variant.choices:
            # Every row has both of its ends there, those between servers of one kind as well.
            ruling = CATALOGUE.ruling("large", {topic: choice})
            chosen = {row.id for row in CATALOGUE.chosen(ruling) if CATALOGUE.realisable(row)}
            plan = plan_of(LabSpec(size="large", variants={topic: choice}))
            assert {row.id for row in plan.connections} == chosen
