"""Options: each has a twin in the environment, help is one keystroke away, completion answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from labgen.assets import images_dir
from labgen.cli.main import app
from labgen.engine.state import lab_state
from labgen.images import image_tags
from labgen.plan.spec import LabSpec
from tests.unit.cli.program import Program, Ran


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, by the words that call it."""
    command = command or typer.main.get_command(app)
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield " ".join((*path, name)), one


COMMANDS = dict(commands())


def options(command: str) -> list[Any]:
    return [one for one in COMMANDS[command].params if one.param_type_name == "option" and one.name != "help"]


def test_all_the_commands() -> None:
    """A command that goes is somebody's script broken."""
    assert set(COMMANDS) >= {
        *("up", "down", "status", "ls", "logs", "exec", "shell", "stop", "start", "restart", "plan"),
        *("render", "connections", "doctor", "version", "schema", "credentials", "ca"),
        *("images build", "images ls", "images rm"),
    }


@pytest.mark.parametrize("command", ["", "images", *COMMANDS])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_there_and_on_stdout(labgen: Program, command: str, flag: str) -> None:
    ran = labgen(*command.split(), flag)
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: labgen {command}".rstrip() in ran.out


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_option_has_a_twin_that_help_names(labgen: Program, command: str) -> None:
    text = labgen(*command.split(), "-h", COLUMNS="400").out
    lines = [line for line in text.splitlines() if re.match(r"│ [* ]*--(?!help)", line)]
    assert len(lines) == len(options(command))
    for line in lines:
        assert "env var: LABGEN_" in line, line


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_option_and_argument_says_what_it_is_for(command: str) -> None:
    assert COMMANDS[command].help
    for one in COMMANDS[command].params:
        assert one.help, f"{command} {one.name}"


def test_a_twin_works_and_the_option_goes_before_it(labgen: Program) -> None:
    assert labgen("version", LABGEN_FORMAT="json").out.startswith("{")
    assert not labgen("version", "--format", "table", LABGEN_FORMAT="json").out.startswith("{")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LABGEN_SIZE", "larg", "size: unknown size 'larg'"),
        ("LABGEN_FILE", "/nowhere/lab.yaml", "/nowhere/lab.yaml: cannot be read"),
        ("LABGEN_FORMAT", "xml", "Invalid value for '--format' (env var: 'LABGEN_FORMAT')"),
    ],
)
def test_twins_that_several_commands_share(labgen: Program, name: str, value: str, said: str) -> None:
    for command in ("plan", "connections"):
        ran = labgen(command, **{name: value})
        assert ran.code == 2
        assert said in ran.err


def test_more_twins(labgen: Program) -> None:
    assert labgen("up", LABGEN_TIMEOUT="0").code == 2
    assert labgen("up", LABGEN_PROGRESS="loud").code == 2
    ran = labgen("up", LABGEN_UP_DRY_RUN="1")
    assert (ran.code, labgen.world.calls) == (0, [])
    assert "node api-1: would be created" in ran.out
    labgen.runs()
    assert "there is no lab 'other'" in labgen("stop", LABGEN_LAB="other").err
    out = labgen.folder / "out"
    assert labgen("render", LABGEN_OUTPUT=str(out)).code == 0
    assert (out / "compose.yaml").is_file()


def test_an_empty_twin_is_none(labgen: Program) -> None:
    ran = labgen("plan", LABGEN_SIZE="", LABGEN_FILE="", LABGEN_FORMAT="")
    assert (ran.code, ran.err) == (0, "")


def test_several_sets_in_one_twin(labgen: Program) -> None:
    twin = next(one for one in options("plan") if "--set" in one.opts)
    assert twin.multiple
    nodes = labgen("plan", "--format", "json", LABGEN_PLAN_SETS="api=2 m=0").json["nodes"]
    names = {one["node"] for one in nodes}
    assert "api-2" in names
    assert "m-1" not in names


def complete(labgen: Program, words: str) -> set[str]:
    """Return what a bash shell is told for the last of `words`."""
    ran: Ran = labgen(
        _LABGEN_COMPLETE="complete_bash", COMP_WORDS=f"labgen {words}", COMP_CWORD=str(words.count(" ") + 1)
    )
    assert (ran.code, ran.err) == (0, "")
    return set(ran.out.split())


@pytest.fixture
def remembered(labgen: Program) -> Program:
    """Two labs that are known, without an engine."""
    for name in ("small", "other"):
        plan = labgen.runs(name, regions=0 if name == "other" else 1)
        lab_state(name).folder.mkdir(parents=True)
        lab_state(name).remember(LabSpec(), plan)
    labgen.world.containers.clear()
    return labgen


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("st", {"status", "stop", "start"}),
        ("images ", {"build", "ls", "rm"}),
        ("up --size ", {"large", "small"}),
        ("up --size sm", {"small"}),
        ("up --size x", set()),
        ("plan -s ", {"large", "small"}),
        ("up ", {"small", "other"}),
        ("down o", {"other"}),
        ("status ", {"small", "other"}),
        ("logs --lab s", {"small"}),
        ("logs dc1-r", {"dc1-rs-1", "dc1-redis-1"}),
        ("exec pcr1-p", {"pcr1-prs-1"}),
        ("shell ap", {"api-1"}),
        ("restart api-1 u", {"ui-1"}),
        ("plan --format ", {"table", "json"}),
        ("up --progress t", {"tty"}),
    ],
)
def test_completion(remembered: Program, words: str, expected: set[str]) -> None:
    assert complete(remembered, words) == expected


def test_completion_of_what_can_be_set(remembered: Program) -> None:
    offered = complete(remembered, "up --set ")
    assert {"api=", "datacenters=", "supernet="} <= offered
    assert complete(remembered, "up --set datac") == {"datacenters="}


def test_completion_of_images_to_build(remembered: Program) -> None:
    assert complete(remembered, "images build my") == {"mysql"} <= set(image_tags(images_dir()))


def test_completion_with_a_spoilt_state_folder(remembered: Program) -> None:
    (lab_state("small").folder / "lab.json").write_text("{")
    assert complete(remembered, "logs api") == {"api-1"}
    (labs := lab_state("small").folder.parent / "file").touch()
    assert labs.is_file()
    assert complete(remembered, "down ") == {"small", "other"}


def test_without_arguments_labgen_says_what_there_is(labgen: Program) -> None:
    ran = labgen()
    assert ran.code == 2
    assert "Usage: labgen" in ran.out + ran.err
