"""Listings: stable keys for programs, aligned columns for people, data on stdout and all else on stderr."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labgen.assets import images_dir
from labgen.cli.options import Format
from labgen.cli.output import print_rows
from labgen.engine.state import lab_state
from labgen.images import image_tags
from labgen.plan.spec import LabSpec
from labgen.render.lab import COMPOSE_FILE, Certificate, Rendering
from labgen.render.write import write_rendering
from tests.unit.cli.program import Program
from tests.unit.engine.world import World, container

#: What programs rely on: a key that goes or is renamed breaks them.
KEYS = {
    "status": {"node", "role", "site", "state", "detail", "image", "enforced", "addresses", "ports", "cut"},
    "ls": {"lab", "nodes", "healthy", "ports"},
    "credentials": {"secret", "file"},
    "credentials --show": {"secret", "file", "value"},
    "images ls": {"image", "tag", "parent", "state", "size"},
    "doctor": {"check", "state", "finding", "way_out"},
    "connections": {
        *("id", "from", "to", "protocol", "port", "purpose", "provenance", "reference", "note"),
        *("variant", "realised"),
    },
}
PLAN_KEYS = {
    *("lab", "size", "supernet", "nodes", "links", "ports", "memory", "memory_limit", "machine"),
}
PLAN_ROWS = {
    "nodes": {"node", "role", "server", "site", "actor", "links", "memory", "limit", "addresses"},
    "links": {"link", "subnet", "members", "connections"},
    "ports": {"name", "node", "port", "host"},
}


@pytest.fixture
def running(labgen: Program) -> Program:
    """A machine with the small lab on it, and its files."""
    plan = labgen.runs()
    state = lab_state("small")
    files = {COMPOSE_FILE: "services: {}\n"}
    write_rendering(state.folder, Rendering(files, ("one", "two"), (Certificate("ui-1"),)))
    state.remember(LabSpec(), plan)
    return labgen


@pytest.mark.parametrize("command", list(KEYS))
def test_keys_of_every_listing(running: Program, command: str) -> None:
    ran = running(*command.split(), "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json
    assert {frozenset(row) for row in ran.json} == {frozenset(KEYS[command])}


def test_keys_of_the_plan(running: Program) -> None:
    ran = running("plan", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.json) == PLAN_KEYS
    for part, keys in PLAN_ROWS.items():
        assert {frozenset(row) for row in ran.json[part]} == {frozenset(keys)}
    assert set(ran.json["machine"]) == {"memory_total", "memory_available", "disk_free", "cpus"}


def test_every_listing_has_both_formats(running: Program) -> None:
    listings = {*KEYS, "plan", "version"}
    for command in listings:
        table = running(*command.split())
        assert table.code == 0
        assert table.out
        assert not table.out.lstrip().startswith(("{", "[")), command


def test_status_of_a_lab(running: Program) -> None:
    running.world.containers[1] = container("small", "ui-1", "exited", "Exited (137) 2 minutes ago")
    gone = running.world.containers.pop()["Labels"]["io.labgen.node"]
    rows = {row["node"]: row for row in running("status", "small", "--format", "json").json}
    assert len(rows) == 21
    assert rows["frontend-1"]["ports"] == [
        *("127.0.0.1:41337->41337", "127.0.0.1:8080->80", "127.0.0.1:8443->443"),
    ]
    assert rows["ui-1"]["state"] == "stopped"
    assert rows[gone]["state"] == "missing"
    table = running("status")
    assert table.code == 0
    assert "1 node is missing; `labgen up small` repairs the lab" in table.err
    assert "missing; `labgen up" not in table.out
    headings, *lines = table.out.splitlines()
    assert headings.split() == ["NODE", "SITE", "STATE", "ENGINE", "SAYS", "RULES", "PUBLISHED"]
    assert len(lines) == 21
    column = headings.index("STATE")
    assert {line[column:].split()[0] for line in lines} == {"healthy", "stopped", "missing"}


def test_labs(running: Program) -> None:
    running.runs("other", regions=0)
    running.world.containers[-1]["Status"] = "Up 2 seconds (health: starting)"
    rows = running("ls", "--format", "json").json
    assert [(row["lab"], row["nodes"] - row["healthy"]) for row in rows] == [("other", 1), ("small", 0)]


def test_no_labs(labgen: Program) -> None:
    labgen("ls").refused(0, "there is no lab; `labgen up` makes one")
    ran = labgen("ls", "--format", "json")
    assert (ran.json, ran.err) == ([], "")


def test_connections_are_those_of_this_lab_or_all(labgen: Program) -> None:
    here = labgen("connections", "--format", "json").json
    every = labgen("connections", "--all", "--format", "json").json
    assert all(row["realised"] for row in here)
    assert here == [row for row in every if row["realised"]]
    assert len(every) > len(here) > 20
    assert {row["provenance"] for row in every} == {"documented", "vendor-code", "inferred"}
    assert all(row["reference"] for row in every)
    fewer = labgen("connections", "--set", "mysql=0", "--format", "json").json
    assert not [row for row in fewer if "mysql" in {row["from"], row["to"]}]


def test_credentials_are_not_shown_unasked(running: Program) -> None:
    secret = lab_state("small").secret("one").read_text()
    for style in ("table", "json"):
        ran = running("credentials", "--format", style)
        assert secret not in ran.out + ran.err
        assert str(lab_state("small").secret("one")) in ran.out
        assert secret in running("credentials", "--show", "--format", style).out


def test_the_certificate_of_the_ca_alone_is_printed(running: Program) -> None:
    ran = running("ca")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (lab_state("small").folder / "tls" / "ca.crt").read_text()
    assert ran.out.startswith("-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize(("command", "part"), [("credentials", "secrets"), ("ca", "tls")])
def test_files_that_are_gone(running: Program, command: str, part: str) -> None:
    lab_state("small").forget()
    running(command).refused(
        1,
        f"labgen: the files of lab 'small' are gone from {lab_state('small').folder / part}",
        "  `labgen up small` makes new ones; the lab's servers restart with them.",
    )


@pytest.mark.parametrize("part", [None, "secrets", "tls"])
@pytest.mark.parametrize("command", ["credentials", "ca"])
def test_a_lab_whose_making_was_cut_short(labgen: Program, command: str, part: str | None) -> None:
    """labgen was killed between a folder and what goes into it."""
    labgen.runs()
    folder = lab_state("small").folder
    (folder / part if part else folder).mkdir(parents=True)
    if part == "tls":
        (folder / part / "ca.key").touch()  # the certificate comes after its key
    ran = labgen(command)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("labgen: the files of lab 'small' are gone from ")


def test_images(labgen: Program, world: World) -> None:
    world.has_image(image_tags(images_dir())["redis"], 5 * 2**20)
    rows = {row["image"]: row for row in labgen("images", "ls", "--format", "json").json}
    assert (rows["redis"]["state"], rows["redis"]["size"]) == ("ok", 5 * 2**20)
    assert (rows["mysql"]["state"], rows["mysql"]["size"]) == ("missing", None)
    assert "5MiB" in labgen("images", "ls").out


def test_the_plan_for_people(labgen: Program) -> None:
    ran = labgen("plan", "mine", "--set", "api=2")
    assert (ran.code, ran.err) == (0, "")
    assert "api-2" in ran.out
    assert "22 nodes, " in ran.out
    assert "8GiB available of 8GiB, 2 processors" in ran.out
    assert "localhost:8443" in ran.out


def test_a_plan_that_does_not_fit_is_shown_and_said(labgen: Program, world: World) -> None:
    world.info = {"MemTotal": 2**20, "NCPU": 1}
    ran = labgen("plan")
    assert ran.code == 0
    assert ran.err == "it does not fit into the memory that is available now\n"


def test_a_plan_without_an_engine(labgen: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from labgen.errors import EngineMissing

    def none() -> None:
        raise EngineMissing("no Docker engine answers at x: y")

    monkeypatch.setattr("labgen.engine.client.connect", none)
    ran = labgen("plan", "--format", "json")
    assert ran.code == 0
    assert ran.err == "not checked against this machine: no Docker engine answers at x: y\n"
    assert ran.json["machine"] is None
    assert ran.json["supernet"] == "10.210.0.0/16"


@pytest.mark.parametrize(("states", "code"), [([], 0), (["memory"], 1)])
def test_doctor(labgen: Program, world: World, states: list[str], code: int) -> None:
    if states:
        world.info = {"MemTotal": 2**20, "NCPU": 1}
    ran = labgen("doctor", "--format", "json")
    assert (ran.code, ran.err) == (code, "")
    failed = [row["check"] for row in ran.json if row["state"] == "failed"]
    assert failed == (["memory and disk"] if states else [])


def test_version(labgen: Program) -> None:
    from labgen import __version__

    assert labgen("version").out == f"{__version__}\n"
    assert labgen("version", "--format", "json").json == {"labgen": __version__}


def rows_printed(rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_rows(rows, Format.TABLE, {"a": "FIRST", "b": "SECOND"})
    return capsys.readouterr().out.splitlines()


def test_nothing_is_cut_off_or_folded_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    members = [f"dc1-rs-{number}" for number in range(300)]
    heading, line = rows_printed([{"a": members, "b": "last"}], capsys)
    assert heading.split() == ["FIRST", "SECOND"]
    assert line.split("  ") == [", ".join(members), "last"]


def test_cells(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"a": True, "b": False},
        {"a": ["x", "y"], "b": ("z",)},
        {"a": 7, "b": None},
        {"a": "[red]not markup[/red]"},
    ]
    lines = rows_printed(rows, capsys)
    assert [line.split() for line in lines[1:]] == [
        *(["yes", "no"], ["x,", "y", "z"], ["7", "None"], ["[red]not", "markup[/red]"]),
    ]
    assert all(line == line.rstrip() for line in lines)


def test_no_colours_in_a_pipe(running: Program) -> None:
    assert "\x1b" not in running("status").out


def test_narrow_terminals_fold_and_lose_nothing() -> None:
    """On a terminal the table has its width; a long word goes on in the next line."""
    program = (
        "from labgen.cli.output import print_rows; from labgen.cli.options import Format;"
        "print_rows([{'a': 'x' * 100, 'b': 'y'}], Format.TABLE, {'a': 'FIRST', 'b': 'SECOND'})"
    )
    controller, terminal = os.openpty()
    call = [sys.executable, "-c", program]
    with subprocess.Popen(
        call,
        stdout=terminal,
        env={"COLUMNS": "40", "TERM": "xterm", "NO_COLOR": "1"},
        cwd=Path(__file__).parents[3],
    ) as running:
        os.close(terminal)
        assert running.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", os.read(controller, 65536).decode())
    os.close(controller)
    assert max(len(line) for line in text.splitlines()) <= 40
    assert text.count("x") == 100
