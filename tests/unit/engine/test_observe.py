"""What the engine lists, as people want to know it."""

from __future__ import annotations

import pytest

from labgen.engine.observe import NodeState, diagnose, labs_of_engine, last_check, observe
from labgen.names import Label
from tests.unit.engine.world import World, container


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        ("running", "Up 3 minutes (healthy)", NodeState.HEALTHY),
        ("running", "Up 1 second (health: starting)", NodeState.STARTING),
        ("running", "Up 3 minutes (unhealthy)", NodeState.UNHEALTHY),
        ("running", "Up 3 minutes", NodeState.STARTING),
        ("created", "Created", NodeState.CREATED),
        ("restarting", "Restarting (1) 2 seconds ago", NodeState.RESTARTING),
        ("paused", "Up 3 minutes (Paused)", NodeState.PAUSED),
        ("exited", "Exited (137) 2 minutes ago", NodeState.STOPPED),
        ("dead", "Dead", NodeState.STOPPED),
        ("removing", "Removal In Progress", NodeState.STOPPED),
        ("", "", NodeState.STOPPED),
    ],
)
def test_states_of_the_engine(world: World, state: str, status: str, expected: NodeState) -> None:
    world.containers = [container("lab", "api-1", state, status)]
    found = observe(world.engine, "lab")["api-1"]
    assert (found.state, found.detail) == (expected, status)


def test_all_that_is_known_of_a_node(world: World) -> None:
    one = container("lab", "dc1-rs-1")
    one["Labels"] |= {Label.ROLE: "rs", Label.ACTOR: "true"}
    one["NetworkSettings"] = {
        "Networks": {"b": {"IPAddress": "10.1.0.3"}, "a": {"IPAddress": "10.1.0.2"}, "c": {"IPAddress": ""}}
    }
    one["Ports"] = [
        {"IP": "127.0.0.1", "PrivatePort": 443, "PublicPort": 8443},
        {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080},
        {"PrivatePort": 9999},
    ]
    one["Mounts"] = [
        {"Type": "bind", "Source": "/x", "Destination": "/etc/labgen"},
        {"Type": "volume", "Name": "labgen-lab_probe", "Destination": "/opt/labgen-probe"},
    ]
    world.containers = [one]
    found = observe(world.engine, "lab")["dc1-rs-1"]
    assert found.probe_volume == "labgen-lab_probe"
    assert (found.role, found.site, found.actor) == ("rs", "dc1", True)
    assert (found.container, found.project, found.image) == ("id-dc1-rs-1", "labgen-lab", "labgen/dc1-rs-1:1")
    assert found.addresses == ("10.1.0.2", "10.1.0.3")
    assert found.ports == ("127.0.0.1:8080->80", "127.0.0.1:8443->443")


def test_a_node_that_the_engine_says_little_about(world: World) -> None:
    one = container("lab", "api-1", "created", "Created", NetworkSettings=None, Ports=None)
    one["Labels"] = {Label.LAB: "lab", Label.NODE: "api-1"}
    world.containers = [one]
    found = observe(world.engine, "lab")["api-1"]
    assert (found.role, found.site, found.actor, found.addresses, found.ports) == ("", "", False, (), ())
    assert found.probe_volume == ""


def test_platform_first_then_sites_by_name(world: World) -> None:
    names = ["pcr1-prs-1", "ui-1", "dc2-rs-1", "api-1", "dc1-rs-1"]
    world.containers = [container("lab", name) for name in names]
    assert list(observe(world.engine, "lab")) == ["api-1", "ui-1", "dc1-rs-1", "dc2-rs-1", "pcr1-prs-1"]


def test_only_the_labs_own_nodes(world: World) -> None:
    stranger = container("lab", "x-1")
    stranger["Labels"] = {"some": "label"}
    nameless = container("lab", "y-1")
    del nameless["Labels"][Label.NODE]
    world.containers = [container("lab", "api-1"), container("other", "api-1"), stranger, nameless]
    assert list(observe(world.engine, "lab")) == ["api-1"]
    assert {lab: [one.name for one in nodes] for lab, nodes in labs_of_engine(world.engine).items()} == {
        "lab": ["api-1"],
        "other": ["api-1"],
    }


def test_diagnosis_holds_the_last_health_output_and_the_last_log_lines(world: World) -> None:
    world.containers = [container("lab", "api-1", "running", "Up 2 minutes (unhealthy)")]
    log = [{"Output": "old"}, {"Output": "one\ntwo\nthree\nfour\nHTTP 503: mysql-1 refuses\n"}]
    world.inspected["id-api-1"] = {"State": {"Health": {"Log": log}, "Error": ""}}
    world.logs["id-api-1"] = (
        b"".join(b"line %d\n" % number for number in range(20)) + b"\xff cannot connect\n"
    )
    text = diagnose(world.engine, observe(world.engine, "lab")["api-1"], lines=3)
    assert text.splitlines() == [
        "api-1: unhealthy (Up 2 minutes (unhealthy))",
        "  last health check:",
        *("    two", "    three", "    four", "    HTTP 503: mysql-1 refuses"),
        "  last log lines:",
        *("    line 18", "    line 19", "    � cannot connect"),
    ]


def test_what_a_check_said_last_is_one_line(world: World) -> None:
    world.containers = [container("lab", "api-1")]
    (status,) = observe(world.engine, "lab").values()
    world.inspected["id-api-1"] = {
        "State": {"Health": {"Log": [{"Output": "old"}, {"Output": "503:\n  no\n"}]}}
    }
    assert last_check(world.engine, status) == "503: no"
    world.inspected["id-api-1"] = {"State": {"Health": None}}
    assert last_check(world.engine, status) == ""


def test_diagnosis_of_a_node_that_could_not_start(world: World) -> None:
    world.containers = [container("lab", "api-1", "created", "Created")]
    world.inspected["id-api-1"] = {"State": {"Health": None, "Error": "port is already allocated"}}
    text = diagnose(world.engine, observe(world.engine, "lab")["api-1"])
    assert text.splitlines() == ["api-1: created (Created)", "  engine: port is already allocated"]


def test_diagnosis_of_a_container_that_went_meanwhile(world: World) -> None:
    world.containers = [container("lab", "api-1")]
    text = diagnose(world.engine, observe(world.engine, "lab")["api-1"])
    assert "the engine says no more" in text


def test_very_long_log_lines_are_shortened(world: World) -> None:
    world.containers = [container("lab", "api-1")]
    world.inspected["id-api-1"] = {"State": {}}
    world.logs["id-api-1"] = b"x" * 5000
    text = diagnose(world.engine, observe(world.engine, "lab")["api-1"])
    assert max(map(len, text.splitlines())) == 4 + 300
