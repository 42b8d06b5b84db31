"""Bad input: one clear message on stderr, nothing on stdout, exit code 2, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.program import Program
from tests.unit.engine.world import World, network

NAME = "Take at most 32 lower-case letters, digits and hyphens, a letter or digit first."
COMMANDS = ["up", "plan", "connections", "render -o out"]


@pytest.mark.parametrize("command", COMMANDS)
def test_invalid_yaml(labgen: Program, command: str) -> None:
    file = labgen.file("counts:\n  api: [1\n")
    ran = labgen(*command.split(), "-f", file)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"labgen: {file}:3:1: is not valid YAML: ")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_key(labgen: Program, command: str) -> None:
    file = labgen.file("datacentres: 2\n")
    labgen(*command.split(), "-f", file).refused(
        2, f"labgen: {file}: datacentres: unknown key (did you mean 'datacenters'?)"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_everything_that_is_wrong_is_said_at_once(labgen: Program, command: str) -> None:
    file = labgen.file("counts: {apy: 1, smtp: 1}\nports: {htps: 1}\nvariants: {mq: x}\nsites: {dc1: {}}\n")
    ran = labgen(*command.split(), "-f", file)
    assert (ran.code, ran.out) == (2, "")
    first, *others = ran.err.splitlines()
    assert first == f"labgen: {file}: counts.apy: unknown role 'apy' (did you mean 'api'?)"
    assert [line.removeprefix(f"{file}: ").split(":")[0] for line in others] == [
        *("counts.smtp", "ports.htps", "variants.mq"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("counts.rss=1", "counts.rss: unknown role 'rss' (did you mean 'rs'?)"),
        ("smtp=1", "counts.smtp: role 'smtp' is documented, but labgen has no server for it"),
        ("api=-1", "counts.api: Input should be greater than or equal to 0 (got -1)"),
        ("api=1000000", "counts.api: Input should be less than or equal to 500 (got 1000000)"),
        ("datacenters=501", "datacenters: Input should be less than or equal to 500 (got 501)"),
        ("api=two", "counts.api: Input should be a valid integer (got 'two')"),
        ("api=1.5", "counts.api: Input should be a valid integer (got 1.5)"),
        ("api=", "counts.api: Input should be a valid integer (got None)"),
        ("counts.api.x=1", "counts.api: Input should be a valid integer (got {'x': 1})"),
        ("ports.https=0", "ports.https: Input should be greater than or equal to 1 (got 0)"),
        ("ports.https=65536", "ports.https: Input should be less than or equal to 65535 (got 65536)"),
        (
            "supernet=8.8.8.0/24",
            "supernet: 8.8.8.0/24 is not a private network; take one inside 10.0.0.0/8 (got '8.8.8.0/24')",
        ),
        ("size=smal", "size: unknown size 'smal' (did you mean 'small'?); there are: large, small"),
    ],
)
def test_a_value_that_cannot_be(labgen: Program, change: str, message: str) -> None:
    labgen("plan", "--set", change).refused(2, f"labgen: --set: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("api", "write KEY=VALUE, for example --set api=2"),
        ("=2", "write KEY=VALUE, for example --set api=2"),
        ("counts.=2", "write KEY=VALUE, for example --set api=2"),
        ("", "write KEY=VALUE, for example --set api=2"),
        ("apj=2", "unknown key 'apj' (did you mean 'api'?)"),
        ("supernett=10.0.0.0/8", "unknown key 'supernett' (did you mean 'supernet'?)"),
        ("zzzzzz=1", "unknown key 'zzzzzz'"),
        ("supernet=[", "the value is not valid YAML"),
        ("size.x=1", "'size' has no keys below it"),
    ],
)
def test_a_set_that_is_none(labgen: Program, change: str, message: str) -> None:
    labgen("plan", "--size", "small", "--set", change).refused(2, f"labgen: --set {change}: {message}")


@pytest.mark.parametrize("value", ["2024-13-45", "0x_", "2024-02-30T10:00:00"])
def test_a_value_that_yaml_itself_stumbles_over(labgen: Program, value: str) -> None:
    """It looks like a date or a number, and is none: YAML's library fails in another way than by a fault."""
    labgen("plan", "--set", f"supernet={value}").refused(
        2, f"labgen: --set supernet={value}: the value is not valid YAML"
    )
    file = labgen.file(f"supernet: {value}\n")
    ran = labgen("plan", "-f", file)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"labgen: {file}")


@pytest.mark.parametrize("text", ["[1]", "api", "7"])
def test_a_file_that_is_no_mapping(labgen: Program, text: str) -> None:
    ran = labgen("up", "-f", labgen.file(text))
    assert (ran.code, ran.out) == (2, "")
    assert "must be a mapping of keys" in ran.err


def test_a_file_that_is_not_there(labgen: Program) -> None:
    labgen("up", "-f", "nowhere.yaml").refused(
        2, "labgen: nowhere.yaml: cannot be read: No such file or directory"
    )
    labgen("up", "-f", ".").refused(2, "labgen: .: cannot be read: Is a directory")


def test_an_empty_file_changes_nothing(labgen: Program) -> None:
    assert labgen("plan", "-f", labgen.file("# nothing\n")).code == 0


@pytest.mark.parametrize("command", ["up", "plan", "render -o out"])
@pytest.mark.parametrize("name", ["Small", "-", "a_b", "a" * 33, "../x", "a b", "ä", "a.b"])
def test_a_name_that_docker_refuses(labgen: Program, command: str, name: str) -> None:
    ran = labgen(*command.split(), "--", name)
    ran.refused(2, f"labgen: '{name}' is not a name for a lab", f"  {NAME}")


@pytest.mark.parametrize("command", ["up", "plan"])
def test_an_unknown_size(labgen: Program, command: str) -> None:
    labgen(command, "--size", "huge").refused(
        2, "labgen: --size: unknown size 'huge'; there are: large, small"
    )


def test_an_unknown_site(labgen: Program) -> None:
    ran = labgen("plan", "--set", "sites.dc2.counts.rs=2")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(
        "labgen: sites.dc2: the lab has no such site (did you mean 'dc1'?); there are: "
    )


def test_a_lab_without_nodes(labgen: Program) -> None:
    file = labgen.file("datacenters: 0\nregions: 0\n")
    roles = ["frontend", "ui", "api", "m", "novnc", "guacamole", "mysql", "redis", "rabbitmq", "zookeeper"]
    ran = labgen("plan", "-f", file, *(f"--set={role}=0" for role in [*roles, "client"]))
    ran.refused(2, "labgen: the lab would have no node at all", "  Set the count of some role above 0.")


@pytest.mark.parametrize("command", ["up", "plan", "up --dry-run"])
def test_a_supernet_that_clashes(labgen: Program, world: World, command: str) -> None:
    world.networks = [network("office", "10.9.8.0/24")]
    labgen(*command.split(), "--set", "supernet=10.9.0.0/16").refused(
        2,
        "labgen: supernet 10.9.0.0/16 overlaps 10.9.8.0/24: Docker network 'office'",
        "  Set another one (--set supernet=10.240.0.0/16), or none: labgen then finds a free one.",
    )


def test_a_supernet_that_is_too_small(labgen: Program) -> None:
    ran = labgen("plan", "--set", "supernet=10.9.0.0/29")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("labgen: supernet 10.9.0.0/29 is too small for this lab: it takes a /")


@pytest.mark.parametrize("command", ["up", "plan", "up --dry-run"])
def test_a_port_that_is_busy(labgen: Program, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labgen.engine.free._is_free", lambda _bind, port: port != 9443)
    labgen(*command.split(), "--set", "ports.https=9443").refused(
        2,
        "labgen: ports.https: 127.0.0.1:9443 is in use",
        "  Free it, choose another, or leave it out: labgen then takes the next free one.",
    )


@pytest.mark.parametrize("command", ["up", "up --dry-run"])
def test_an_image_that_does_not_exist(labgen: Program, command: str) -> None:
    labgen(*command.split(), "--set", "images.api=stubb").refused(
        2,
        "labgen: images.api: there is no image 'stubb' (did you mean 'stub'?)",
        "  Name a folder of images/, or a reference with a tag (vendor/api:6.1).",
    )


def test_memory_that_is_not_there(labgen: Program, world: World) -> None:
    world.info = {"MemTotal": 64 * 2**20, "NCPU": 1}
    for command in ("up", "up --dry-run"):
        ran = labgen(*command.split())
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("labgen: not enough memory: the lab needs about ")
        assert ran.err.count("\n") == 2


def test_disk_that_is_not_there(
    labgen: Program, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.info["DockerRootDir"] = str(tmp_path)
    monkeypatch.setattr("labgen.engine.capacity._available", lambda: 2**35)
    monkeypatch.setattr("labgen.engine.capacity.DISK_FOR_IMAGES", 2**70)
    monkeypatch.setattr("labgen.engine.up.DISK_FOR_IMAGES", 2**70)
    ran = labgen("up")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("labgen: not enough disk: the lab needs about ")
    assert f"below {tmp_path}" in ran.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["up", "--frobnicate"], "No such option: --frobnicate"),
        (["up", "--timeout", "0"], "Invalid value for '--timeout'"),
        (["up", "--timeout", "soon"], "Invalid value for '--timeout'"),
        (["logs", "--tail", "-1"], "Invalid value for '--tail'"),
        (["plan", "--format", "xml"], "Invalid value for '--format'"),
        (["up", "--progress", "loud"], "Invalid value for '--progress'"),
        (["up", "one", "two"], "unexpected extra argument"),
        (["render"], "Missing option '--output'"),
        (["exec"], "Missing argument"),
        (["exec", "api-1"], "Missing argument"),
        (["shell"], "Missing argument"),
        (["images", "frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_usage(labgen: Program, arguments: list[str], complaint: str) -> None:
    ran = labgen(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err


def test_an_output_that_is_a_file(labgen: Program) -> None:
    file = labgen.file("precious", "out")
    labgen("render", "-o", file).refused(2, f"labgen: --output {file}: is not a folder")
    assert Path(file).read_text() == "precious"


def test_a_state_folder_that_cannot_be_written(labgen: Program) -> None:
    file = labgen.file("", "file")
    ran = labgen("up", LABGEN_STATE_DIR=f"{file}/state")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"labgen: {file}/state")
    assert "cannot be written" in ran.err


def test_what_was_remembered_for_a_size_that_is_no_more(labgen: Program, tmp_path: Path) -> None:
    """The state folder of another version of labgen."""
    folder = tmp_path / "state" / "labs" / "small"
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text('{"spec": {"size": "huge"}, "nodes": []}')
    ran = labgen("up", "small", "--dry-run")
    assert ran.code in {0, 2}, "forgotten, or refused"
    (folder / "lab.json").write_text('{"spec": {"sites": {"dc1": {"counts": {"gone": 1}}}}, "nodes": []}')
    ran = labgen("up", "small", "--dry-run")
    assert ran.code in {0, 2}, "forgotten, or refused"
