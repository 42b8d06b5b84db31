"""Drift that was planted into a real lab is found, each by itself, and what it says mends it does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.types import IPAMConfig, IPAMPool

from labgen.engine.client import Engine
from labgen.engine.cuts import load_rules
from labgen.engine.frames import Conversation
from labgen.engine.observe import observe
from labgen.engine.state import LabState
from labgen.names import container_name, network_name

from .conftest import PREFIX, Cli


@pytest.fixture(autouse=True)
def as_planned(lab: str, cli: Cli) -> Iterator[None]:
    """Each test begins and ends with a lab in which nothing differs."""
    assert drifts(cli, lab, code=0) == []
    yield
    assert drifts(cli, lab, code=0) == []


def drifts(cli: Cli, lab: str, code: int = 5) -> list[dict[str, Any]]:
    document = json.loads(cli.run("drift", lab, "--format", "json", code=code).stdout)
    assert (document["lab"], document["equal"]) == (lab, code == 0)
    return list(document["drifts"])


def only(cli: Cli, lab: str) -> dict[str, Any]:
    (found,) = drifts(cli, lab)
    return found


def test_a_node_that_was_stopped(lab: str, cli: Cli) -> None:
    cli.run("stop", "redis-1", "--lab", lab)
    found = only(cli, lab)
    assert (found["kind"], found["where"], found["up"]) == ("container", "redis-1", True)
    assert found["found"].startswith("stopped (Exited")
    cli.run("up", lab)


def test_a_node_without_a_container(lab: str, cli: Cli, engine: Engine) -> None:
    engine.sdk.api.remove_container(container_name(lab, "redis-1"), force=True)
    found = only(cli, lab)
    assert (found["where"], found["found"], found["repair"]) == (
        "redis-1",
        "missing",
        "`labgen up` creates it",
    )
    cli.run("up", lab)


def test_a_node_that_was_paused(lab: str, cli: Cli, engine: Engine) -> None:
    engine.sdk.api.pause(container_name(lab, "redis-1"))
    found = only(cli, lab)
    assert found["found"].startswith("paused")
    assert found["repair"] == "`labgen up` lets it go on"
    cli.run("up", lab)


def test_a_file_that_was_edited(lab: str, cli: Cli) -> None:
    path = cli.state / "labs" / lab / "nodes" / "ui-1" / "httpd.conf"
    with path.open("a") as file:
        file.write("# by hand\n")
    found = only(cli, lab)
    assert (found["kind"], found["where"]) == ("file", "nodes/ui-1/httpd.conf")
    assert (found["found"], found["up"]) == ("# by hand", True)
    cli.run("up", lab)


def test_a_node_on_a_network_more(lab: str, cli: Cli, engine: Engine) -> None:
    """The engine shows it, and so does the node itself: it is told once."""
    name = f"{PREFIX}more"
    network = engine.sdk.api.create_network(name)["Id"]
    container = container_name(lab, "redis-1")
    try:
        engine.sdk.api.connect_container_to_network(container, network)
        found = only(cli, lab)
        assert (found["kind"], found["where"]) == ("attachment", "redis-1")
        assert found["expected"] == f"not on network {name}"
        assert found["repair"] == f"`docker network disconnect {name} {container}`"
        engine.sdk.api.disconnect_container_from_network(container, network)
    finally:
        engine.sdk.api.remove_network(network)


def test_a_node_that_was_disconnected(lab: str, cli: Cli, engine: Engine) -> None:
    link = network_name(lab, "api-redis")
    engine.sdk.api.disconnect_container_from_network(container_name(lab, "redis-1"), link)
    found = only(cli, lab)
    assert (found["kind"], found["where"], found["found"]) == ("attachment", "redis-1", "it is not on it")
    assert found["expected"].startswith(f"on network {link} as ")
    cli.run("up", lab)


def test_a_network_that_is_gone(lab: str, cli: Cli, engine: Engine) -> None:
    link = network_name(lab, "api-redis")
    for node in ("api-1", "redis-1"):
        engine.sdk.api.disconnect_container_from_network(container_name(lab, node), link)
    engine.sdk.api.remove_network(link)
    assert [(one["kind"], one["where"], one["up"]) for one in drifts(cli, lab)] == [
        ("network", link, True),
        ("attachment", "api-1", True),
        ("attachment", "redis-1", True),
    ]
    cli.run("up", lab)


def test_a_network_that_leads_out(lab: str, cli: Cli, engine: Engine) -> None:
    """Made by hand in its place, without labels: labgen can neither move nor remove it."""
    link = network_name(lab, "api-redis")
    before = engine.sdk.api.inspect_network(link)
    nodes = [container_name(lab, node) for node in ("api-1", "redis-1")]
    for node in nodes:
        engine.sdk.api.disconnect_container_from_network(node, link)
    engine.sdk.api.remove_network(link)
    pool = IPAMPool(subnet=before["IPAM"]["Config"][0]["Subnet"])
    engine.sdk.api.create_network(link, ipam=IPAMConfig(pool_configs=[pool]))
    found = [one for one in drifts(cli, lab) if one["kind"] == "network"]
    assert [(one["expected"], one["repair"]) for one in found] == [
        ("labgen's", f"`docker network rm {link}`, then `labgen up {lab}`")
    ]
    engine.sdk.api.remove_network(link)
    cli.run("up", lab)


def test_a_stranger_on_a_link(lab: str, cli: Cli, engine: Engine) -> None:
    link = network_name(lab, "api-redis")
    image = observe(engine, lab)["redis-1"].image
    name = f"{PREFIX}spy"
    spy = engine.sdk.api.create_container(image, name=name, entrypoint=["sleep", "600"])["Id"]
    try:
        engine.sdk.api.connect_container_to_network(spy, link)
        engine.sdk.api.start(spy)
        found = only(cli, lab)
        assert (found["kind"], found["where"]) == ("attachment", link)
        assert found["found"].startswith(f"container {name} is on it as ")
    finally:
        engine.sdk.api.remove_container(spy, force=True)


def test_rules_that_were_flushed(lab: str, cli: Cli, engine: Engine) -> None:
    load_rules(engine, lab, observe(engine, lab)["redis-1"].network, "flush ruleset\n")
    found = only(cli, lab)
    assert (found["kind"], found["where"], found["found"]) == ("rules", "redis-1", "is missing")
    assert found["repair"] == f"`labgen restart redis-1 --lab {lab}`"
    assert not found["up"]
    cli.run("up", lab)
    assert only(cli, lab) == found, "`up` does not look into what runs as it should"
    cli.run("restart", "redis-1", "--lab", lab)


def test_a_rule_more(lab: str, cli: Cli, engine: Engine) -> None:
    rule = "insert rule inet labgen input tcp dport 4444 accept\n"
    load_rules(engine, lab, observe(engine, lab)["redis-1"].network, rule)
    found = only(cli, lab)
    assert found["expected"] == "tcp dport 4444 accept: as rendered"
    assert found["found"] == "was not rendered"
    cli.run("restart", "redis-1", "--lab", lab)


def test_a_cut_wire_is_as_planned(lab: str, cli: Cli, engine: Engine) -> None:
    """What `labgen cut` took away is away on purpose; that it is not in force is a drift."""
    cli.run("cut", "api-1", "redis-1", "--lab", lab)
    assert drifts(cli, lab, code=0) == []
    network = observe(engine, lab)["api-1"].network
    load_rules(engine, lab, network, "delete table inet labgen_cuts\n")
    found = only(cli, lab)
    assert (found["kind"], found["where"], found["found"]) == ("cut", "api-1", "is missing")
    cli.run("heal", "--lab", lab)
    cli.run("start", "--lab", lab)


def test_a_server_more(lab: str, cli: Cli, engine: Engine) -> None:
    program = (
        "import socket, time; s = socket.create_server(('', 4444)); print('ready', flush=True); "
        "time.sleep(600)"
    )
    call = ["python3", "-c", program]
    created = engine.sdk.api.exec_create(container_name(lab, "api-1"), call, user="900:900")
    talk = Conversation(engine.sdk.api.exec_start(created["Id"], socket=True), time.monotonic() + 30)
    with closing(talk):
        assert talk.line() == b"ready"
    found = only(cli, lab)
    assert (found["kind"], found["where"]) == ("listener", "api-1")
    assert ":4444/tcp: nobody listens" in found["expected"]
    cli.run("restart", "api-1", "--lab", lab)


def test_an_image_of_the_same_tag(lab: str, cli: Cli, engine: Engine, tmp_path: Path) -> None:
    """As after a build by hand: the tag is on another image than the node was made from."""
    api = engine.sdk.api
    tag = observe(engine, lab)["redis-1"].image
    before = engine.sdk.images.get(tag).id
    container = api.create_container(tag)["Id"]
    try:
        other = api.commit(container, changes=f"LABEL drift={tmp_path.name}")["Id"]
    finally:
        api.remove_container(container)
    repository, _, version = tag.partition(":")
    try:
        api.tag(other, repository, version)
        found = only(cli, lab)
        assert (found["kind"], found["where"]) == ("image", "redis-1")
        assert (found["expected"], found["found"]) == (tag, "an older image of that tag")
    finally:
        api.tag(str(before), repository, version)
        api.remove_image(other)


def test_a_lab_whose_folder_is_another_ones(lab: str, cli: Cli) -> None:
    """Another size is another plan: `up` was not asked yet, and drift says what it would do."""
    state = LabState(lab, cli.state / "labs" / lab)
    remembered = (state.folder / "lab.json").read_text()
    document = json.loads(remembered)
    document["spec"]["counts"]["zookeeper"] = 0
    (state.folder / "lab.json").write_text(json.dumps(document))
    found = drifts(cli, lab)
    assert [one["found"][:10] for one in found if one["where"] == container_name(lab, "zookeeper-1")] == [
        "a containe"
    ]
    assert {one["kind"] for one in found} >= {"container", "network", "configuration", "file"}
    (state.folder / "lab.json").write_text(remembered)
