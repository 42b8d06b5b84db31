"""The examples of the pages do what the pages say, as far as that needs no engine."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from labgen.catalogue.model import Catalogue
from labgen.cli.main import main
from labgen.plan.build import make_plan
from labgen.plan.parse import parse_spec
from tests.unit.docs.pages import Fence, fences, matches, steps

#: `console` runs here, `console lab` in tests/integration, `yaml` is a lab.yaml; the rest is only read.
KNOWN = {"console", "console lab", "yaml", "sh", "text", "mermaid"}


def by_id(fence: Fence) -> str:
    return fence.id


def run(command: str) -> tuple[int, str, str]:
    """Run a labgen command line in this process; return its exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    name, *arguments = shlex.split(command)
    assert name == "labgen", f"{command}: only labgen runs here; mark the block `console lab`"
    before = sys.argv
    sys.argv = [name, *arguments]
    code: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    return (code if isinstance(code, int) else int(code is not None)), out.getvalue(), err.getvalue()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a Docker client and no engine, and an empty folder to be in."""
    for name in [name for name in os.environ if name.startswith("LABGEN_")]:
        monkeypatch.delenv(name)
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=os.pathsep)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("LABGEN_STATE_DIR", str(tmp_path / "state"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


# The program ends after one command, and with it the socket to an engine that did not answer; here it is
# collected before the next test.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fence", fences("console"), ids=by_id)
def test_session_prints_what_the_page_shows(fence: Fence, machine: Path) -> None:
    assert machine.is_dir()
    code, out, err = 0, "", ""
    for step in steps(fence):
        if step.command == "echo $?":
            out, err = f"{code}\n", ""
        else:
            code, out, err = run(step.command)
        # A page shows the data; of what is said beside it, only what it is about.
        same = any(matches(step.expected, printed) for printed in ((out, f"{err}{out}") if out else (err,)))
        if not (same or (code == 0 and not step.expected)):
            pytest.fail(f"{fence.id}: $ {step.command}\n{out}{err}", pytrace=False)
    gc.collect()


@pytest.mark.parametrize("fence", fences("yaml"), ids=by_id)
def test_lab_yaml_is_accepted_and_says_something(fence: Fence, catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(fence.text, "utf-8")
    spec = parse_spec(catalogue, path)
    assert make_plan(catalogue, spec, "example").nodes
    assert set(yaml.safe_load(fence.text)) <= set(type(spec).model_fields)


def test_every_key_of_lab_yaml_has_an_example(catalogue: Catalogue) -> None:
    shown = {key for fence in fences("yaml") for key in yaml.safe_load(fence.text)}
    assert shown == set(type(parse_spec(catalogue)).model_fields)


@pytest.mark.parametrize("fence", fences(), ids=by_id)
def test_block_is_of_a_known_kind(fence: Fence) -> None:
    assert fence.info in KNOWN
    sessions = fence.info.startswith("console")
    assert fence.text.startswith("$ ") == sessions, "a session begins with a command, nothing else does"


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a  b", "a b\n", True),
        ("a ... c", "a b c", True),
        ("a...c", "abc", True),
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nz", True),
        ("a\n...\nz", "a\nb", False),
        ("a", "a\nb", False),
        ("", "", True),
        ("", "a", False),
        ("...", "a\nb", True),
        ("a.b", "axb", False),
    ],
)
def test_wildcards(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same
