"""Bringing a lab up: what is chosen, in which order things happen, and what is left alone."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from ipaddress import IPv4Network

import pytest
from python_on_whales.exceptions import DockerException

from labgen.assets import images_dir
from labgen.catalogue.load import default_catalogue
from labgen.engine import up as up_module
from labgen.engine.down import known_labs
from labgen.engine.lock import locked
from labgen.engine.state import lab_state
from labgen.engine.up import check_room, lab_images, resolve, up
from labgen.errors import InvalidInput, LabgenError, NotReady
from labgen.images import ImageFolder, read_images, suite_tag
from labgen.names import Label
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from tests.unit.engine.world import Heard, World, network, run_lab, volume

#: Three nodes, with links, data, a certificate and published ports: quick to render.
SPEC = LabSpec.model_validate(
    {
        "datacenters": 0,
        "regions": 0,
        "counts": {
            **dict.fromkeys(["ui", "m", "novnc", "guacamole", "redis", "rabbitmq", "zookeeper"], 0),
            "client": 0,
        },
    }
)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on the machine that the tests run on."""
    monkeypatch.setattr("labgen.engine.free._host_routes", dict)
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, _port: True)


@pytest.fixture
def ready(world: World) -> World:
    """An engine with every image, on which Compose starts what it is asked to."""
    for image in read_images(images_dir()).values():
        world.has_image(image.tag)
    world.compose_up = lambda: start(world)
    return world


def start(world: World, name: str = "lab", spec: LabSpec = SPEC) -> LabPlan:
    """Let the lab run."""
    plan = make_plan(default_catalogue(), spec, name)
    for found in (world.containers, world.networks):
        found[:] = [one for one in found if (one["Labels"] or {}).get(Label.LAB) != name]
    run_lab(world, plan)
    return plan


def changed(**fields: object) -> LabSpec:
    return LabSpec.model_validate({**SPEC.model_dump(mode="json"), **fields})


def test_a_bare_engine_gets_the_defaults(world: World) -> None:
    plan, notes = resolve(world.engine, "lab", SPEC)
    assert plan.supernet == IPv4Network("10.210.0.0/16")
    assert {one.name: one.host_port for one in plan.published} == {
        "http": 8080,
        "https": 8443,
        "console": 41337,
    }
    assert notes == []


def test_a_busy_port_moves_on_and_is_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port not in {8080, 8081})
    plan, notes = resolve(world.engine, "lab", SPEC)
    assert [one.host_port for one in plan.published if one.name == "http"] == [8082]
    assert notes == ["port 8080 is busy, http is on 8082 instead"]


def test_a_really_busy_port(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("labgen.engine.free._host_routes", dict)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InvalidInput) as caught:
            resolve(world.engine, "lab", changed(ports={"https": port}))
    assert caught.value.exit_code == 2
    assert caught.value.message == f"ports.https: 127.0.0.1:{port} is in use"
    assert caught.value.hint == (
        "Free it, choose another, or leave it out: labgen then takes the next free one."
    )


def test_a_fixed_port_goes_before_anothers_default(world: World) -> None:
    """Nothing is busy: that 8080 is another port's default is labgen's matter, not the user's."""
    plan, _ = resolve(world.engine, "lab", changed(ports={"https": 8080}))
    chosen = {one.name: one.host_port for one in plan.published}
    assert chosen["https"] == 8080
    assert len(set(chosen.values())) == 3


def test_a_fixed_port_that_is_busy_is_refused_at_the_end_of_the_range_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port != 65535)
    with pytest.raises(InvalidInput, match=r"^ports\.https: 127\.0\.0\.1:65535 is in use"):
        resolve(world.engine, "lab", changed(ports={"https": 65535}))


def test_two_that_are_fixed_alike(world: World) -> None:
    with pytest.raises(InvalidInput, match=r"^ports\.(http|https): .*9000"):
        resolve(world.engine, "lab", changed(ports={"http": 9000, "https": 9000}))


def test_a_running_lab_keeps_its_ports_and_its_supernet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(world, spec=changed(supernet="10.217.0.0/16", ports={"http": 8085}))
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port not in {8085, 8443, 41337})
    plan, _ = resolve(world.engine, "lab", SPEC)
    assert plan.supernet == IPv4Network("10.217.0.0/16")
    assert [one.host_port for one in plan.published] == [8085, 8443, 41337]


def test_another_lab_gets_another_supernet(world: World) -> None:
    start(world, "other")
    assert resolve(world.engine, "lab", SPEC)[0].supernet == IPv4Network("10.211.0.0/16")


def test_a_lab_that_outgrew_its_supernet_gets_another(world: World) -> None:
    start(world, spec=changed(supernet="10.217.0.0/22"))
    grown = changed(datacenters=3, counts={"rs": 1, "mysql": 1, "api": 1})
    assert resolve(world.engine, "lab", grown)[0].supernet == IPv4Network("10.210.0.0/16")


def test_a_supernet_that_clashes_is_refused(world: World) -> None:
    world.networks = [network("office", "10.9.0.0/24")]
    with pytest.raises(InvalidInput, match=r"^supernet 10\.9\.0\.0/16 overlaps .* network 'office'"):
        resolve(world.engine, "lab", changed(supernet="10.9.0.0/16"))


def test_images_of_a_lab_with_their_parents_first() -> None:
    plan = make_plan(default_catalogue(), changed(images={"frontend": "vendor/proxy:6.1"}), "lab")
    names = [image.name for image in lab_images(plan)]
    assert "haproxy" not in names
    assert {"base", "mysql", "stub"} <= set(names)
    assert names.index("base") < names.index("mysql")


def test_an_image_that_is_neither_here_nor_there() -> None:
    plan = make_plan(default_catalogue(), changed(images={"api": "stubb"}), "lab")
    with pytest.raises(InvalidInput) as caught:
        lab_images(plan)
    assert caught.value.exit_code == 2
    assert caught.value.message == "images.api: there is no image 'stubb' (did you mean 'stub'?)"
    assert caught.value.hint == "Name a folder of images/, or a reference with a tag (vendor/api:6.1)."


def test_from_nothing_to_healthy_in_this_order(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def build(_engine: object, images: list[ImageFolder], _emit: object) -> None:
        assert not lab_state("lab").folder.exists(), "nothing is written before the images are there"
        steps.extend(["built", *(image.name for image in images)])

    monkeypatch.setattr(up_module, "build_images", build)
    world.has_image(suite_tag("trixie"))

    def compose_up() -> None:
        folder = lab_state("lab").folder
        steps.append("compose up")
        assert (folder / "secrets" / "mysql_password").stat().st_mode & 0o777 == 0o600
        assert json.loads((folder / "lab.json").read_text())["nodes"] == ["frontend-1", "api-1", "mysql-1"]
        start(world)

    world.compose_up = compose_up
    result = up(world.engine, "lab", SPEC, timeout=5, emit=heard)
    assert steps[0] == "built"
    assert steps[-1] == "compose up"
    assert {"base", "haproxy", "mysql", "stub"} <= set(steps)
    assert world.calls == [("compose up", "labgen-lab")]
    assert [one.host_port for one in result.plan.published] == [8080, 8443, 41337]
    assert result.seconds > 0
    assert heard.lines[0] == f"building {len(steps) - 2} images"
    assert heard.lines[1].startswith("starting 3 nodes on ")
    assert sorted(heard.lines[2:]) == ["api-1 healthy", "frontend-1 healthy", "mysql-1 healthy"]
    assert lab_state("lab").recall() == SPEC, "what labgen chose by itself is not what the user fixed"


def test_a_second_time_writes_nothing(ready: World, heard: Heard) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    folder = lab_state("lab").folder
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.*")}
    up(ready.engine, "lab", SPEC, timeout=5, emit=heard)
    after = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.*")}
    assert {path.name for path in after if after[path] != before.get(path)} <= {"lab.json"}
    assert ready.calls == [("compose up", "labgen-lab")] * 2
    assert not any(line.startswith("building") for line in heard.lines)


def test_a_lab_that_grows_keeps_the_rhythm_that_it_began_with(ready: World) -> None:
    plan = up(ready.engine, "lab", SPEC, timeout=5).plan
    assert plan.check_seconds == 10
    start(ready)
    grown = changed(counts={**SPEC.counts, "api": 40})
    assert resolve(ready.engine, "lab", grown)[0].check_seconds == 10
    assert resolve(ready.engine, "another", grown)[0].check_seconds == 30
    assert resolve(ready.engine, "lab", changed(check_seconds=7))[0].check_seconds == 7
    lab_state("lab").forget()
    assert resolve(ready.engine, "lab", grown)[0].check_seconds == 30, "nobody knows"


def test_servers_are_made_anew_when_their_secrets_were_lost(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    lab_state("lab").forget()
    up(ready.engine, "lab", SPEC, timeout=5)
    assert ("compose up", "labgen-lab", "force_recreate") in ready.calls


def test_the_certificate_of_a_node_that_comes_is_no_other_nodes_business(ready: World) -> None:
    before = changed(datacenters=1)
    ready.compose_up = lambda: start(ready, spec=before)
    up(ready.engine, "lab", before, timeout=5)
    more = changed(datacenters=1, counts={**SPEC.counts, "hypervisor": 2})
    up(ready.engine, "lab", more, timeout=5, wait=False)
    tls = lab_state("lab").folder / "tls"
    assert (tls / "dc1-hypervisor-2.crt").is_file()
    assert ready.calls.count(("compose up", "labgen-lab")) == 2
    (tls / "dc1-hypervisor-1.crt").unlink()
    up(ready.engine, "lab", before, timeout=5, wait=False)
    assert ("compose up", "labgen-lab", "force_recreate") in ready.calls, "it serves another one"


def test_without_waiting(ready: World, heard: Heard) -> None:
    ready.compose_up = lambda: None
    up(ready.engine, "lab", SPEC, timeout=5, wait=False, emit=heard)
    assert not [line for line in heard.lines if "healthy" in line]


def test_a_node_that_never_gets_healthy(ready: World) -> None:
    def all_but_one() -> None:
        start(ready)
        ready.containers.pop()

    ready.compose_up = all_but_one
    with pytest.raises(NotReady, match=r"^1 node is not healthy after 0 s\nmysql-1: missing\n"):
        up(ready.engine, "lab", SPEC, timeout=0.01)
    assert known_labs(ready.engine) == ["lab"], "what was started stays, to be looked at"


def test_not_enough_memory_is_said_before_anything_is_made(ready: World) -> None:
    ready.info = {"MemTotal": 64 * 2**20, "NCPU": 2}
    with pytest.raises(LabgenError, match=r"^not enough memory: the lab needs about .* of 64MiB are avail"):
        up(ready.engine, "lab", SPEC, timeout=5)
    assert ready.calls == []
    assert not lab_state("lab").folder.exists()


def test_nodes_that_run_already_need_no_more_memory(ready: World) -> None:
    start(ready)
    ready.info = {"MemTotal": 1, "NCPU": 2}
    up(ready.engine, "lab", SPEC, timeout=5)


@pytest.mark.parametrize(("running", "missing", "disk"), [(0, 1, 3), (0, 0, 1), (1, 1, 2), (1, 0, 0)])
def test_room_for_what_is_not_there_yet(
    ready: World, monkeypatch: pytest.MonkeyPatch, running: int, missing: int, disk: int
) -> None:
    if running:
        start(ready)
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(up_module, "DISK_FOR_IMAGES", 2)
    monkeypatch.setattr(up_module, "DISK_FOR_LAB", 1)
    monkeypatch.setattr(up_module, "check_capacity", lambda _, memory, disk: asked.append((memory, disk)))
    plan = make_plan(default_catalogue(), SPEC, "lab")
    check_room(ready.engine, plan, list(read_images(images_dir()).values())[:missing])
    assert asked == [(0 if running else plan.memory_typical, disk)]


def taken(world: World, times: int) -> None:
    """Let somebody else take a port between the look and the start, `times` times."""
    said = b"Error response from daemon: Bind for 127.0.0.1:8443 failed: port is already allocated\n"
    left = [DockerException(["docker"], 1, None, said) for _ in range(times)]

    def compose_up() -> None:
        if left:
            raise left.pop()
        start(world)

    world.compose_up = compose_up


def test_a_port_that_is_lost_on_the_way_is_chosen_anew(ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taken(ready, 1)
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port != 8443 or not ready.calls)
    result = up(ready.engine, "lab", SPEC, timeout=5)
    assert [one.host_port for one in result.plan.published] == [8080, 8444, 41337]
    assert result.notes == ("port 8443 is busy, https is on 8444 instead",)
    assert "127.0.0.1:8444:443" in (lab_state("lab").folder / "compose.yaml").read_text()


def test_a_port_that_is_lost_each_time(ready: World) -> None:
    taken(ready, 9)
    with pytest.raises(LabgenError, match=r"port is already allocated"):
        up(ready.engine, "lab", SPEC, timeout=5)
    assert ready.calls == [("compose up", "labgen-lab")] * 5


def test_a_paused_node_goes_on(ready: World) -> None:
    """Compose would refuse: it cannot start what is paused."""
    up(ready.engine, "lab", SPEC, timeout=5)
    ready.calls.clear()
    ready.containers[0].update(State="paused", Status="Up 2 minutes (Paused)")
    identity = ready.containers[0]["Id"]
    up(ready.engine, "lab", SPEC, timeout=5)
    assert ready.calls == [("unpause", identity), ("compose up", "labgen-lab")]


def test_volumes_that_the_lab_no_longer_has_are_removed_and_no_others(ready: World) -> None:
    ready.volumes += [volume("lab", "mysql-1"), volume("lab", "mysql-2"), volume("other", "mysql-2")]
    up(ready.engine, "lab", SPEC, timeout=5)
    assert ready.calls == [("compose up", "labgen-lab"), ("remove volume", "labgen-lab_mysql-2-data")]


def test_networks_that_moved_are_cleared_before_compose_makes_them_anew(ready: World) -> None:
    up(ready.engine, "lab", SPEC, timeout=5)
    start(ready)
    ready.calls.clear()
    up(ready.engine, "lab", changed(supernet="10.99.0.0/16"), timeout=5)
    made = ready.calls.index(("compose up", "labgen-lab"))
    assert ("remove network", "id-labgen-lab-api-mysql") in ready.calls[:made]


def test_another_labgen_at_work_is_waited_for(ready: World, heard: Heard) -> None:
    with (
        locked(lab_state("lab"), "down lab", heard, 1),
        pytest.raises(LabgenError, match=r"^`labgen down lab` \(process \d+, since .*did not finish within"),
    ):
        up(ready.engine, "lab", SPEC, timeout=0)
    assert ready.calls == []


def test_an_interrupted_wait_leaves_the_lab_and_gives_the_lock_back(ready: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    ready.compose_up = interrupt
    with pytest.raises(KeyboardInterrupt):
        up(ready.engine, "lab", SPEC, timeout=5)
    ready.compose_up = lambda: start(ready)
    up(ready.engine, "lab", SPEC, timeout=0)


def test_what_can_be_done_meanwhile_is_done_once_and_up_goes_well_without_it(ready: World) -> None:
    done: list[str] = []

    def meanwhile() -> None:
        done.append("done")
        raise LabgenError("it cannot", "")

    for _ in range(2):
        assert up(ready.engine, "lab", SPEC, timeout=5, meanwhile=meanwhile).plan.name == "lab"
    assert done == ["done"], "the second time nobody is new"
