"""Taking a lab away by its label: what goes, what stays, and what is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from docker.errors import NotFound
from python_on_whales.exceptions import DockerException

from labgen.engine.down import down, known_labs
from labgen.engine.lock import locked
from labgen.engine.state import lab_state
from labgen.errors import LabgenError
from labgen.names import Label
from tests.unit.engine.world import Heard, World, container, network, refusal, volume

NETWORK = "labgen-lab-api-mysql"


@pytest.fixture
def lab(world: World) -> World:
    """A lab of two nodes beside another, and a folder for it."""
    for name in ("lab", "other"):
        world.containers += [container(name, "api-1"), container(name, "mysql-1")]
        world.networks.append(network(f"labgen-{name}-api-mysql", "10.1.0.0/28", name, "10.1.0.0/16"))
        world.volumes.append(volume(name, "mysql-1"))
        (lab_state(name).folder / "secrets").mkdir(parents=True)
    for one in world.containers:  # the engine's ids are unique
        one["Id"] = one["Names"][0]
    return world


def of_lab(world: World, name: str) -> int:
    """Return how many things of a lab are left on the engine."""
    everything = world.containers + world.networks + world.volumes
    return sum(one["Labels"][Label.LAB] == name for one in everything)


def test_nothing_is_left_of_it_and_the_other_stays(lab: World, heard: Heard) -> None:
    down(lab.engine, "lab", emit=heard)
    assert of_lab(lab, "lab") == 0
    assert of_lab(lab, "other") == 4
    kinds = [one[0] for one in lab.calls]
    assert kinds == [*["remove container"] * 2, "remove network", "remove volume"], "nobody is stopped"
    assert not lab_state("lab").folder.exists()
    assert not lab_state("lab").lock_file.exists()
    assert lab_state("other").folder.exists()
    assert heard.lines == ["removing lab 'lab'"]
    assert known_labs(lab.engine) == ["other"]


def test_compose_may_fail_and_labels_do_the_rest(lab: World) -> None:
    lab.refused["compose down", "labgen-lab"] = DockerException(["docker"], 1)
    down(lab.engine, "lab", keep_volumes=True)
    assert [one["Labels"][Label.LAB] for one in lab.containers + lab.networks] == ["other"] * 3


def test_the_folder_may_be_gone(lab: World) -> None:
    lab_state("lab").forget()
    down(lab.engine, "lab")
    assert of_lab(lab, "lab") == 0


def test_a_folder_without_containers_goes_too(world: World) -> None:
    lab_state("lab").folder.mkdir(parents=True)
    down(world.engine, "lab")
    assert known_labs(world.engine) == []
    assert list(lab_state("lab").folder.parent.iterdir()) == []


def test_data_and_the_secrets_that_open_it_are_kept(lab: World) -> None:
    down(lab.engine, "lab", keep_volumes=True)
    assert [one["Labels"][Label.LAB] for one in lab.volumes] == ["lab", "other"]
    assert lab.calls[0] == ("compose down", "labgen-lab")
    assert lab_state("lab").secret("x").parent.is_dir()
    assert known_labs(lab.engine) == ["lab", "other"]


def test_what_is_left_is_said_with_who_uses_it(lab: World) -> None:
    lab.networks[0]["Containers"] = {"1": {"Name": "stranger"}, "2": {"Name": "guest"}}
    held = lab.volumes[0]["Name"]
    lab.refused = {
        ("remove network", f"id-{NETWORK}"): refusal("network has active endpoints"),
        ("remove volume", held): refusal("volume is in use - [abc]"),
        ("remove container", "/labgen-lab-api-1", "volumes"): refusal("removal is already in progress"),
        ("wait", "/labgen-lab-api-1", "removed"): requests.ReadTimeout("read timed out"),
    }
    with pytest.raises(LabgenError) as caught:
        down(lab.engine, "lab")
    assert caught.value.exit_code == 1
    assert caught.value.message.splitlines() == [
        "lab 'lab' is not gone:",
        "  container labgen-lab-api-1: removal is already in progress",
        f"  network {NETWORK}: in use by container stranger, guest",
        f"  volume {held}: volume is in use - [abc]",
    ]
    assert caught.value.hint == (
        "Something that is not labgen's uses it: remove that, then `labgen down` again."
    )
    assert lab_state("lab").folder.exists(), "the secrets of data that is left must not be lost"


def test_a_network_in_the_way_that_nobody_seems_to_use(lab: World) -> None:
    lab.refused["remove network", f"id-{NETWORK}"] = refusal("network has active endpoints")
    with pytest.raises(LabgenError, match=rf"network {NETWORK}: network has active endpoints"):
        down(lab.engine, "lab")


def test_what_went_by_itself_is_gone(lab: World) -> None:
    lab.refused = {
        ("remove container", "/labgen-lab-api-1", "volumes"): NotFound("gone"),
        ("remove network", f"id-{NETWORK}"): NotFound("gone"),
    }
    down(lab.engine, "lab")


def test_what_goes_by_itself_at_that_moment_is_waited_for(lab: World) -> None:
    lab.refused = {
        ("remove container", f"/labgen-lab-{node}-1", "volumes"): refusal("removal is already in progress")
        for node in ("api", "mysql")
    }
    lab.refused["wait", "/labgen-lab-mysql-1", "removed"] = NotFound("gone")
    down(lab.engine, "lab")
    assert ("wait", "/labgen-lab-api-1", "removed") in lab.calls
    assert not lab_state("lab").folder.exists()


def test_another_labgen_at_work_is_waited_for(lab: World, heard: Heard) -> None:
    state = lab_state("lab")
    with (
        locked(state, "up lab", heard, 1),
        pytest.raises(LabgenError, match=r"^`labgen up lab` \(process \d+, since .*did not finish"),
    ):
        down(lab.engine, "lab", timeout=0)
    assert lab.calls == []


def test_a_lab_is_known_by_anything_that_is_left_of_it(world: World, state: Path) -> None:
    world.containers = [container("c", "api-1")]
    world.networks = [network("labgen-n-a-b", "", "n"), network("bridge")]
    world.volumes = [volume("v", "mysql-1")]
    (state / "labs" / "f").mkdir(parents=True)
    (state / "labs" / "x.lock").touch()
    assert known_labs(world.engine) == ["c", "f", "n", "v"]
