"""`up`, `down`, `render` and `images build`, from the words typed to the words read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from python_on_whales.exceptions import DockerException

from labgen.assets import images_dir
from labgen.engine.state import lab_state
from labgen.images import read_images
from labgen.plan.spec import LabSpec
from tests.unit.cli.program import Program
from tests.unit.engine.world import container

#: A lab of two nodes, quick to make.
FEW = """\
datacenters: 0
regions: 0
counts: {ui: 0, m: 0, novnc: 0, guacamole: 0, redis: 0, rabbitmq: 0, zookeeper: 0, client: 0, api: 0}
"""
NODES = ["frontend-1", "mysql-1"]


@pytest.fixture
def lab(labgen: Program) -> Program:
    """Every image is there, and Compose starts what it is asked to."""
    labgen.file(FEW)
    for image in read_images(images_dir()).values():
        labgen.world.has_image(image.tag)

    def start() -> None:
        names = json.loads((lab_state("mine").folder / "lab.json").read_text())["nodes"]
        labgen.world.containers[:] = [container("mine", name) for name in names]

    labgen.world.compose_up = start
    return labgen


def test_up_says_where_to_go_next(lab: Program) -> None:
    ran = lab("up", "mine", "-f", "lab.yaml")
    assert ran.code == 0
    lines = [line.split("  ")[0] for line in ran.out.splitlines()]
    assert lines[0] == "WHAT"
    assert lines[-3:] == ["credentials", "certificate of the lab's CA", "next"]
    assert "https://localhost:8443" in ran.out
    assert f"labgen credentials mine   (files in {lab_state('mine').folder / 'secrets'})" in ran.out
    assert ran.out.rstrip().endswith("labgen status mine")
    assert lab_state("mine").secret("mysql_password").read_text() not in ran.out + ran.err


def test_progress_goes_to_stderr_in_plain_lines(lab: Program) -> None:
    ran = lab("up", "mine", "-f", "lab.yaml")
    words = [line.split(maxsplit=1) for line in ran.err.splitlines() if line]
    assert [one[1] for one in words[:-1]] == [
        "starting 2 nodes on 0 links",
        *(f"node {name} healthy" for name in NODES),
    ]
    assert words[-1][1].startswith("'mine': 2 nodes healthy in ")
    assert all(one[0].rstrip("s").replace(".", "").isdigit() for one in words[:-1])


def test_quiet(lab: Program) -> None:
    ran = lab("up", "mine", "-f", "lab.yaml", "--progress", "quiet")
    assert len(ran.err.strip().splitlines()) == 1


def test_a_port_that_moved_on_is_said(lab: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port != 8443)
    ran = lab("up", "mine", "-f", "lab.yaml")
    assert "port 8443 is busy, https is on 8444 instead" in ran.err.splitlines()
    assert "https://localhost:8444" in ran.out


def test_up_says_what_is_cut_and_leaves_it(lab: Program) -> None:
    assert "cut" not in lab("up", "mine", "-f", "lab.yaml").err
    cuts = lab_state("mine").folder / "nodes" / "frontend-1" / "cuts" / "cuts.nft"
    cuts.write_text('    ip daddr 10.210.0.34 drop comment "ui-1"\n')
    ran = lab("up", "mine")
    assert "1 wire is cut; `labgen heal --lab mine` plugs everything in again" in ran.err
    assert cuts.exists()


def test_up_again_keeps_what_was_asked_for(lab: Program) -> None:
    lab("up", "mine", "-f", "lab.yaml")
    assert lab("up", "mine").code == 0
    assert lab_state("mine").nodes() == NODES
    assert "would be" not in lab("up", "mine", "--dry-run").out


def test_up_again_with_something_else_changes_it(lab: Program) -> None:
    lab("up", "mine", "-f", "lab.yaml")
    dry = lab("up", "mine", "-f", "lab.yaml", "--set", "api=1", "--set", "mysql=0", "--dry-run")
    assert "node api-1: would be created" in dry.out.splitlines()
    assert "node mysql-1: would be removed" in dry.out.splitlines()
    assert "node frontend-1: healthy" in dry.out.splitlines()
    assert lab_state("mine").nodes() == NODES, "a dry run changes nothing"


def test_a_dry_run_changes_nothing(labgen: Program, tmp_path: Path) -> None:
    ran = labgen("up", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "image base: would be built" in ran.out.splitlines()
    assert "node dc1-rs-1: would be created" in ran.out.splitlines()
    assert ran.out.splitlines()[-1].endswith(" links in 10.210.0.0/16")
    assert (labgen.world.calls, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "name"), [((), "small"), (("--size", "small"), "small"), (("mine",), "mine")]
)
def test_a_lab_is_named_after_its_size(labgen: Program, arguments: tuple[str, ...], name: str) -> None:
    labgen.runs(name)
    assert "would be created" not in labgen("up", *arguments, "--dry-run").out


def test_a_node_that_never_gets_healthy(lab: Program) -> None:
    def start() -> None:
        lab.world.containers[:] = [
            container("mine", "frontend-1"),
            container("mine", "mysql-1", "running", "Up 1 second (unhealthy)"),
        ]
        check = {"Health": {"Log": [{"Output": "no socket"}]}}
        lab.world.inspected["id-mysql-1"] = {"State": check}
        lab.world.logs["id-mysql-1"] = b"[ERROR] disk is full\n"

    lab.world.compose_up = start
    lab.monkeypatch.setattr("labgen.engine.ready.time.monotonic", iter(range(0, 10**6, 100)).__next__)
    ran = lab("up", "mine", "-f", "lab.yaml", "--timeout", "1", "--progress", "quiet")
    ran.refused(
        4,
        "labgen: 1 node is not healthy after 1 s",
        "mysql-1: unhealthy (Up 1 second (unhealthy))",
        "  last health check:",
        "    no socket",
        "  last log lines:",
        "    [ERROR] disk is full",
        "  The lab is left as it is. `labgen logs --lab mine mysql-1` shows more, "
        "`labgen up mine` tries again, `labgen down mine` removes it.",
    )


def test_without_waiting(lab: Program) -> None:
    lab.world.compose_up = lambda: None
    ran = lab("up", "mine", "-f", "lab.yaml", "--no-wait")
    assert ran.code == 0
    assert "lab 'mine': 2 nodes started in " in ran.err


def test_an_image_that_does_not_build(labgen: Program, tmp_path: Path) -> None:
    def broken(_path: Path) -> list[str]:
        raise DockerException(["docker"], 1)

    labgen.world.build = broken
    labgen.world.has_image("labgen/debian:trixie")
    labgen.world.has_image("labgen/debian:bullseye")
    for command in (["images", "build", "redis"], ["up"]):
        ran = labgen(*command)
        assert (ran.code, ran.out) == (1, "")
        assert "labgen: image 'base' does not build:" in ran.err.splitlines()
        assert f"  The whole log: {tmp_path}/state/logs/build-base.log" in ran.err.splitlines()


def test_an_interruption(lab: Program) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    lab.world.compose_up = interrupt
    ran = lab("up", "mine", "-f", "lab.yaml")
    assert (ran.code, ran.out) == (130, "")
    said = "labgen: interrupted. What was started stays: `labgen up mine` goes on, "
    assert f"{said}`labgen down mine` removes it." in ran.err.splitlines()
    assert lab("up", "mine").code == 130, "the lock is free, and what was asked for is remembered"


def test_images_are_built_once(labgen: Program) -> None:
    labgen.world.has_image("labgen/debian:trixie")
    ran = labgen("images", "build", "redis")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[-1] == "2 images are ready, 2 of them built now"
    for image in read_images(images_dir()).values():
        labgen.world.has_image(image.tag)
    labgen("images", "build", "redis").refused(0, "2 images are ready, 0 of them built now")
    labgen("images", "build", "rediss").refused(
        2, "labgen: there is no image 'rediss' (did you mean 'redis'?)"
    )


def test_images_are_removed(labgen: Program) -> None:
    labgen("images", "rm").refused(0, "0 images removed")
    labgen.world.has_image("labgen/old:1")
    labgen("images", "rm", "--old").refused(0, "1 images removed")


def test_down(lab: Program) -> None:
    lab("up", "mine", "-f", "lab.yaml")
    ran = lab("down")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[-1] == "lab 'mine' is gone"
    assert lab.world.containers == []
    assert not lab_state("mine").folder.exists()
    lab("down").refused(0, "there is no lab; nothing to do")


def test_down_of_one_that_is_not_there(lab: Program) -> None:
    lab("down", "mine").refused(
        2, "labgen: there is no lab 'mine'; there is none", "  `labgen up mine` makes one."
    )
    lab.runs("other", regions=0)
    lab("down", "othr").refused(2, "labgen: there is no lab 'othr' (did you mean 'other'?); there are: other")


def test_down_of_several(labgen: Program) -> None:
    for name in ("one", "two"):
        lab_state(name).folder.mkdir(parents=True)
    labgen("down").refused(2, "labgen: there are several labs: one, two", "  Name the one you mean.")
    ran = labgen("down", "--all")
    assert ran.code == 0
    assert [line for line in ran.err.splitlines() if "gone" in line] == [
        *("lab 'one' is gone", "lab 'two' is gone"),
    ]


def test_down_keeps_data_when_asked_to(lab: Program) -> None:
    lab("up", "mine", "-f", "lab.yaml")
    ran = lab("down", "--keep-volumes")
    assert ran.err.splitlines()[-1] == "lab 'mine' is gone, its data is kept"
    assert lab_state("mine").secret("mysql_password").is_file()


def test_render_is_a_folder_for_compose(labgen: Program, tmp_path: Path) -> None:
    ran = labgen("render", "-o", "out", "mine", "--set", "api=2")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[0].endswith("files written; `docker compose up -d` in it starts the lab")
    document = yaml.safe_load((tmp_path / "out" / "compose.yaml").read_text())
    assert document["name"] == "labgen-mine"
    assert "api-2" in document["services"]
    assert not (tmp_path / "state").exists()


def test_render_again_is_the_same_to_the_byte(labgen: Program, tmp_path: Path) -> None:
    for folder in ("one", "two", "one"):
        assert labgen("render", "-o", folder).code == 0

    def files(folder: str) -> dict[str, bytes]:
        root = tmp_path / folder
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            # What is random: secrets, and certificates, of which every node has copies.
            if path.is_file() and path.parent.name not in {"secrets", "tls"} and path.suffix != ".crt"
        }

    assert files("one") == files("two")
    assert labgen("render", "-o", "one").err.startswith("one: 0 files written")


def test_render_into_a_place_that_cannot_be_written(labgen: Program) -> None:
    file = labgen.file("", "file")
    ran = labgen("render", "-o", f"{file}/out")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"labgen: {file}/out: cannot be written: Not a directory")


def test_what_is_set_changes_what_was_asked_for_last_time(labgen: Program) -> None:
    """Who wants one more node of a large lab does not want a small one."""
    plan = labgen.runs()
    state = lab_state("mine")
    state.folder.mkdir(parents=True)
    state.remember(LabSpec.model_validate({"size": "small", "counts": {"m": 2}}), plan)
    wanted = labgen("up", "mine", "--set", "api=3", "--dry-run").out
    assert {"node m-2: would be created", "node api-3: would be created"} <= set(wanted.splitlines())
    anew = labgen("up", "mine", "--size", "small", "--set", "api=3", "--dry-run").out
    assert "node api-3: would be created" in anew
    assert "node m-2" not in anew


def test_a_size_as_a_name_is_that_size_whatever_is_set(labgen: Program) -> None:
    assert "node zookeeper-3: would be created" in labgen("up", "large", "--set", "api=1", "--dry-run").out
