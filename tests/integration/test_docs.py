"""The examples of the pages that need a running lab do what the pages say."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labgen.assets import images_dir
from labgen.images import read_images
from labgen.plan.model import LabPlan
from tests.unit.docs.pages import Fence, fences, matches, steps
from tests.unit.docs.program import commands

from .conftest import SECONDS, Cli

_MARK = "-- end of step, exit code "
#: What an example may do to a lab that other tests use as well.
_HARMLESS = {
    *(
        "ca",
        "credentials",
        "cut",
        "drift",
        "drill",
        "exec",
        "graph",
        "heal",
        "images ls",
        "logs",
        "ls",
        "start",
    ),
    *("status", "stop", "verify"),
}


def _sessions() -> list[list[Fence]]:
    """Return the sessions of each page: blocks of one page may build upon the ones before."""
    found = fences("console lab")
    return [[one for one in found if one.page == page] for page in dict.fromkeys(one.page for one in found)]


def _takes_lab(command: str) -> bool:
    """Whether the lab's name is an argument of `command`; elsewhere it comes from the environment."""
    return any(one.name == "lab" and not one.opts[0].startswith("-") for one in commands()[command].params)


@pytest.fixture(scope="module")
def terminal(small: LabPlan, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `labgen`, which knows which lab is meant, and `curl`, also where the host has none."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "bin").mkdir()
    program = shlex.quote(cli.call()[0])
    named = "|".join(sorted(name for name in commands() if " " not in name and _takes_lab(name)))
    _script(
        folder / "bin/labgen", f'case "$1" in {named}) set -- "$@" {small.name} ;; esac\nexec {program} "$@"'
    )
    if shutil.which("curl") is None:
        image = read_images(images_dir())["client"].tag
        place = shlex.quote(str(folder))
        mounts = f"--volume {place}:{place}:ro --workdir {place} --env CURL_CA_BUNDLE="
        call = f"docker run --rm --network host --user {os.getuid()} {mounts} --entrypoint curl {image}"
        _script(folder / "bin/curl", f'exec {call} "$@"')
    yield folder
    cli.run("start", "--lab", small.name)  # an example that failed half-way may have left a node stopped


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("session", _sessions(), ids=lambda one: one[0].page)
def test_session_prints_what_the_page_shows(
    session: list[Fence], terminal: Path, small: LabPlan, cli: Cli
) -> None:
    wanted = [(fence, step) for fence in session for step in steps(fence)]
    script = "".join(
        f"{{ {_here(step.command, small)}\n}} 2>&1; code=$?; echo '{_MARK}'$code; (exit $code)\n"
        for _, step in wanted
    )
    environment = cli.environment | {"LABGEN_LAB": small.name}
    environment["PATH"] = os.pathsep.join([str(terminal / "bin"), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=terminal,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    printed = done.stdout.split(_MARK)
    assert len(printed) == len(wanted) + 1, done.stdout + done.stderr
    outputs = [printed[0], *(part.partition("\n")[2] for part in printed[1:])]
    wrong = [
        f"{fence.id}: $ {step.command}\n{output}"
        for (fence, step), output in zip(wanted, outputs, strict=False)
        if not matches(_here(step.expected, small), output)
    ]
    assert not wrong, "\n".join(wrong)


def _here(text: str, plan: LabPlan) -> str:
    """Return what a page says with the ports that this lab has."""
    default = {"http": 8080, "https": 8443, "console": 41337}
    for one in plan.published:
        text = text.replace(f"localhost:{default[one.name]}", f"localhost:{one.host_port}")
        text = text.replace(f"127.0.0.1:{default[one.name]}->", f"127.0.0.1:{one.host_port}->")
    return text


def test_examples_leave_the_lab_as_it_was() -> None:
    for session in _sessions():
        for fence in session:
            for step in steps(fence):
                for part in step.command.split("labgen ")[1:]:
                    words = part.split()
                    assert words[0] in _HARMLESS or " ".join(words[:2]) in _HARMLESS, fence.id


def test_examples_heal_what_they_cut() -> None:
    for session in _sessions():
        commands_ = [step.command for fence in session for step in steps(fence)]
        cuts = [at for at, one in enumerate(commands_) if one.startswith("labgen cut ")]
        heals = [at for at, one in enumerate(commands_) if one == "labgen heal"]
        # A cut that is refused cuts nothing.
        assert not cuts or heals, session[0].page
        assert all(any(heal > at for heal in heals) or "mysql-1 ui-1" in commands_[at] for at in cuts)
