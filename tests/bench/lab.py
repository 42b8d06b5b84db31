"""A running lab: how long it takes to be healthy, against plain Compose, and what it holds in memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from labgen.engine.client import connect
from labgen.names import Label
from labgen.units import format_bytes
from tests.bench.figures import Figure, interleaved
from tests.bench.running import resident, run_labgen

_ROUNDS = 4
_ENDINGS = 3


def figures(folder: Path) -> list[Figure]:
    """Measure `labgen up` in turn with `docker compose up --wait` on the very same folder."""
    name = f"bench-{os.getpid()}"
    rendered = folder / "labs" / name
    run_labgen("up", name, "--size", "small")
    run_labgen("down", name, "--keep-volumes")
    # Only the folder is kept: both begin without any container, network or volume.
    _clear(name)

    def labgen() -> None:
        run_labgen("up", name)

    def compose() -> None:
        _compose(rendered, "up", "--detach", "--wait", "--wait-timeout", "180")

    try:
        mine, plain = interleaved(labgen, compose, _ROUNDS, between=lambda: _clear(name))
        run_labgen("up", name)
        memory = _memory(name)
    finally:
        run_labgen("down", name)
    return [
        Figure(
            "`labgen up --size small` against `docker compose up --wait` on the same folder",
            f"{mine / plain:.2f} ({mine:.1f} s against {plain:.1f} s)",
            "at most 1.1",
        ),
        Figure("small lab, time to healthy, images present", f"{mine:.1f} s", "at most 25 s"),
        Figure("small lab, resident memory", format_bytes(memory), "at most 1.8GiB"),
    ]


def ending(folder: Path) -> list[Figure]:
    """Measure `labgen down` in turn with `docker compose down` of the very same lab."""
    name = f"bench-{os.getpid()}"
    rendered = folder / "labs" / name

    def up() -> None:
        run_labgen("up", name, "--size", "small")

    try:
        up()
        mine, plain = interleaved(
            lambda: run_labgen("down", name),
            lambda: _compose(rendered, "down", "--volumes", "--timeout", "5"),
            _ENDINGS,
            between=up,
        )
    finally:
        run_labgen("down", name)
    return [
        Figure(
            "`labgen down` of the small lab against `docker compose down --volumes`",
            f"{mine / plain:.2f} ({mine:.1f} s against {plain:.1f} s)",
            "at most 1.2",
        )
    ]


def _compose(folder: Path, *arguments: str) -> None:
    call = ["docker", "compose", "--project-directory", str(folder), *arguments]
    subprocess.run(call, check=True, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)


def _clear(name: str) -> None:
    """Remove everything of the lab from the engine, and leave its folder."""
    call = ["docker", "compose", "--project-name", f"labgen-{name}", "down", "--volumes", "--timeout", "2"]
    subprocess.run(call, check=True, capture_output=True)


def _memory(name: str) -> int:
    """Return the bytes that all nodes hold, page cache left out, as `docker stats` counts."""
    engine = connect()
    return sum(resident(engine, one["Id"]) for one in engine.containers(f"{Label.LAB}={name}"))
