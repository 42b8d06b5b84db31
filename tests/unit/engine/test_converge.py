"""What Compose leaves undone: networks that moved, volumes of nodes that went, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import NotFound
from python_on_whales.exceptions import DockerException

from labgen.catalogue.load import default_catalogue
from labgen.engine.converge import (
    NetworkTakenError,
    PortTakenError,
    clear_blind,
    clear_moved,
    compose_up,
    remove_stale,
)
from labgen.engine.observe import observe
from labgen.engine.state import lab_state
from labgen.errors import LabgenError
from labgen.names import Label, network_name
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from tests.unit.engine.world import World, container, network, refusal, run_lab, volume

LINK = "api-mysql"
NAME = network_name("lab", LINK)


@pytest.fixture(scope="module")
def plan() -> LabPlan:
    return make_plan(default_catalogue(), LabSpec(), "lab")


@pytest.fixture
def running(world: World, plan: LabPlan) -> World:
    """The lab, as Compose made it."""
    run_lab(world, plan)
    public = network(network_name("lab", "public"), str(plan.public_subnet), "lab", str(plan.supernet))
    world.networks.append(public)
    for node in plan.nodes:
        one = next(one for one in world.containers if one["Id"] == f"id-{node.name}")
        links: dict[str, Any] = {network_name("lab", interface.link): {} for interface in node.interfaces}
        one["NetworkSettings"] = {"Networks": links}
    return world


def of(world: World, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in world.networks if one["Name"] == name)
    return found


def move(world: World) -> None:
    """Let a network be where it should not."""
    of(world)["IPAM"] = {"Config": [{"Subnet": "10.77.0.0/28"}]}
    of(world)["Containers"] = {"id-api-1": {"Name": "labgen-lab-api-1"}}


def failing(world: World, stderr: str) -> LabgenError:
    """Let Compose fail with `stderr`; return what becomes of it."""
    world.refused["compose up", "labgen-lab"] = DockerException(["docker"], 1, None, stderr.encode())
    state = lab_state("lab")
    state.folder.mkdir(parents=True)
    (state.folder / "compose.yaml").touch()
    with pytest.raises(LabgenError) as caught:
        compose_up(world.engine, state, renewed=False)
    assert caught.value.exit_code == 1
    assert caught.value.hint == (
        "What was started stays. `labgen up lab` tries again, `labgen down lab` removes it."
    )
    return caught.value


def test_of_what_compose_says_the_errors_count(world: World) -> None:
    error = failing(world, " Container x  Starting\nError response from daemon: pool overlaps\n")
    assert error.message.splitlines() == [
        "lab 'lab' could not be started:",
        "  Error response from daemon: pool overlaps",
    ]
    assert not isinstance(error, PortTakenError)


def test_without_an_error_the_last_lines_count(world: World) -> None:
    error = failing(world, "one\ntwo\nthree\nfour\nfive\nsix")
    assert error.message.splitlines()[1:] == ["  two", "  three", "  four", "  five", "  six"]


def test_compose_that_says_nothing(world: World) -> None:
    assert failing(world, "").message.strip() == "lab 'lab' could not be started:"


def test_a_port_that_somebody_else_took(world: World) -> None:
    said = "Error response from daemon: Bind for 127.0.0.1:8443 failed: port is already allocated"
    assert isinstance(failing(world, said), PortTakenError)


def test_a_network_that_another_lab_took(world: World) -> None:
    said = (
        "failed to create network labgen-lab-public: Error response from daemon: invalid pool request: "
        "Pool overlaps with other one on this address space"
    )
    assert isinstance(failing(world, said), NetworkTakenError)


def test_a_port_that_a_program_outside_the_engine_took(world: World) -> None:
    """The engine says it in other words when no container has the port."""
    said = (
        "Error response from daemon: failed to set up container networking: driver failed programming "
        "external connectivity on endpoint x: failed to bind host port for "
        "127.0.0.1:8443:172.17.0.3:443/tcp: address already in use"
    )
    assert isinstance(failing(world, said), PortTakenError)


def test_nothing_moved(running: World, plan: LabPlan) -> None:
    clear_moved(running.engine, plan)
    assert running.calls == []


def test_a_network_that_moved_goes_with_the_nodes_on_it(running: World, plan: LabPlan) -> None:
    move(running)
    clear_moved(running.engine, plan)
    assert sorted(running.calls[:-1]) == [
        ("remove container", "id-api-1"),
        ("remove container", "id-mysql-1"),
    ]
    assert running.calls[-1] == ("remove network", f"id-{NAME}")
    assert running.containers, "the others stay"


def test_data_stays_when_a_node_is_removed_for_its_network(running: World, plan: LabPlan) -> None:
    running.volumes.append(volume("lab", "mysql-1"))
    move(running)
    clear_moved(running.engine, plan)
    remove_stale(running.engine, plan)
    assert not [call for call in running.calls if "volume" in " ".join(call)]


def test_a_volume_that_belongs_to_no_node_stays(running: World, plan: LabPlan) -> None:
    shared = volume("lab", "probe")
    del shared["Labels"][Label.NODE]
    running.volumes = [shared]
    remove_stale(running.engine, plan)
    assert running.calls == []


def test_a_network_of_servers_that_went(running: World, plan: LabPlan) -> None:
    name = network_name("lab", "api-gone")
    running.networks.append(network(name, "10.210.9.0/28", "lab", "10.210.0.0/16"))
    running.networks.append(network(network_name("other", "api-gone"), "10.210.9.0/28", "other"))
    clear_moved(running.engine, plan)
    assert running.calls == [("remove network", f"id-{name}")]


def test_a_stranger_on_a_network_that_has_to_move(running: World, plan: LabPlan) -> None:
    move(running)
    of(running)["Containers"]["id-of-another"] = {"Name": "stranger"}
    with pytest.raises(LabgenError) as caught:
        clear_moved(running.engine, plan)
    assert caught.value.exit_code == 1
    assert caught.value.message == f"network {NAME} has to move or go, but container stranger is on it"
    assert caught.value.hint == "Disconnect it, then `labgen up` again."
    assert running.calls == [], "no node was taken down for a network that stays"


def test_a_stranger_where_nothing_has_to_move(running: World, plan: LabPlan) -> None:
    of(running)["Containers"] = {"id-of-another": {"Name": "stranger"}}
    clear_moved(running.engine, plan)
    assert running.calls == []


def test_another_labs_node_is_a_stranger(running: World, plan: LabPlan) -> None:
    running.containers.append({**container("other", "api-1"), "Id": "id-other-api-1"})
    move(running)
    of(running)["Containers"]["id-other-api-1"] = {"Name": "labgen-other-api-1"}
    with pytest.raises(LabgenError, match=r"but container labgen-other-api-1 is on it"):
        clear_moved(running.engine, plan)


def test_what_went_by_itself_or_stays_is_no_obstacle(running: World, plan: LabPlan) -> None:
    move(running)
    running.refused = {
        ("remove container", "id-api-1"): NotFound("gone"),
        ("remove network", f"id-{NAME}"): refusal("network has active endpoints"),
    }
    clear_moved(running.engine, plan)
    assert running.calls[-1] == ("remove network", f"id-{NAME}")


def test_a_volume_in_use_is_no_leftover(world: World, plan: LabPlan) -> None:
    world.volumes = [volume("lab", "mysql-9"), volume("lab", "redis-9")]
    for one in world.volumes:
        world.refused["remove volume", one["Name"]] = refusal("volume is in use")
    remove_stale(world.engine, plan)
    assert [call[1] for call in world.calls] == ["labgen-lab_mysql-9-data", "labgen-lab_redis-9-data"]


def test_a_lab_without_public_ports_has_no_public_network(world: World) -> None:
    spec = LabSpec.model_validate({"counts": {"frontend": 0}})
    plan = make_plan(default_catalogue(), spec, "lab")
    public = network(network_name("lab", "public"), "10.210.0.0/28", "lab", "10.210.0.0/16")
    world.networks = [public]
    clear_moved(world.engine, plan)
    assert world.calls == [("remove network", public["Id"])]


def test_a_node_whose_folder_was_gone_is_made_anew(running: World) -> None:
    existing = observe(running.engine, "lab")
    left = clear_blind(running.engine, existing, {"api-1", "api-9"})
    assert left.keys() == existing.keys() - {"api-1"}
    assert observe(running.engine, "lab").keys() == left.keys()
