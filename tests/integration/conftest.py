"""Real labs for the tests. Each bears the run's own prefix, and is gone afterwards, pass or fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from testcontainers.compose import DockerCompose

from labgen.catalogue.load import default_catalogue
from labgen.engine.build import build_images, missing_images
from labgen.engine.client import Engine, connect
from labgen.engine.down import known_labs
from labgen.engine.state import LabState
from labgen.engine.stock import shipped_images
from labgen.engine.up import resolve
from labgen.plan.model import LabPlan
from labgen.plan.parse import parse_spec

PREFIX = os.environ.get("LABGEN_LAB_PREFIX", f"test-{os.getpid()}-")
#: Enough for two processors that do other work as well; a lab that takes longer is broken.
SECONDS = 240
#: A lab of seven nodes, most of which check their neighbours: quick to start.
FEW = """\
datacenters: 0
regions: 0
counts: {m: 0, novnc: 0, guacamole: 0, client: 0}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine, with every image built: without an engine these tests fail, they never skip."""
    found = connect()
    build_images(found, missing_images(found, shipped_images()), print)
    return found


@dataclass
class Cli:
    """The program, as a user runs it, with a state folder of its own."""

    state: Path
    engine: Engine
    labs: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LABGEN_STATE_DIR": str(self.state), "COLUMNS": "200"}

    @staticmethod
    def call(*arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("labgen")), *arguments]

    def run(
        self, *arguments: str, code: int = 0, seconds: float = SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run labgen to its end and check the exit code."""
        done = subprocess.run(
            self.call(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        said = f"labgen {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, said
        assert "Traceback" not in done.stderr, said
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start labgen in a process group of its own, as a terminal would."""
        return subprocess.Popen(
            self.call(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lab(self, name: str) -> str:
        """Return a name for a lab of this run, which is removed at the end."""
        full = f"{PREFIX}{name}"
        self.labs.add(full)
        return full


@pytest.fixture(scope="session")
def cli(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    program = Cli(tmp_path_factory.mktemp("state"), engine)
    yield program
    there = known_labs(engine)
    for name in sorted(program.labs):
        if name in there:
            program.run("down", name, "--progress", "quiet")


@pytest.fixture(scope="module")
def lab(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a lab of few nodes: a fresh one for each module, which may do to it what it likes."""
    path = tmp_path_factory.mktemp("few") / "lab.yaml"
    path.write_text(FEW)
    name = cli.lab("few")
    cli.run("up", name, "-f", str(path))
    yield name
    cli.run("down", name)


@pytest.fixture(scope="session")
def small(engine: Engine, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPlan]:
    """The small lab, started by plain Compose from the rendered folder, without labgen."""
    folder = tmp_path_factory.mktemp("rendered")
    name = cli.lab("small")
    catalogue = default_catalogue()
    spec = parse_spec(catalogue, size="small")
    plan, _ = resolve(engine, name, spec)
    settings = [f"--set=supernet={plan.supernet}"]
    settings += [f"--set=ports.{one.name}={one.host_port}" for one in plan.published]
    cli.run("render", name, "--size", "small", *settings, "-o", str(folder))
    compose = DockerCompose(context=folder, compose_file_name="compose.yaml", wait=True)
    # For tests that ask for the lab's secrets or its plan the folder has to be where labgen looks for it.
    (cli.state / "labs").mkdir(exist_ok=True)
    (cli.state / "labs" / name).symlink_to(folder)
    LabState(name, folder).remember(spec, plan)
    try:
        with compose:
            yield plan
    finally:
        (cli.state / "labs" / name).unlink()
        shutil.rmtree(folder, ignore_errors=True)
