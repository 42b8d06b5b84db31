"""Hands the terminal over to a node: the Docker client does it better than anything between us."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from labgen.engine.observe import RUNNING, NodeStatus
from labgen.errors import LabgenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.engine.client import Engine

__all__ = ["run_in", "show_logs"]

_USER: Final = "900:900"


def run_in(engine: Engine, node: NodeStatus, command: Sequence[str], *, root: bool) -> int:
    """Run `command` in `node` with our own terminal or pipes; return its exit code.

    Raises LabgenError when the node does not run.
    """
    if node.state not in RUNNING:
        raise LabgenError(f"node '{node.name}' does not run: it is {node.state}", "`labgen start` starts it.")
    flags = ["--interactive"]
    if sys.stdin.isatty() and sys.stdout.isatty():
        flags.append("--tty")
    if not root:
        flags += ["--user", _USER, "--env", "HOME=/tmp"]
    call = ["docker", "exec", *flags, node.container, *command]
    return subprocess.run(call, env=_environment(engine), check=False).returncode


def show_logs(
    engine: Engine, nodes: Sequence[NodeStatus], *, follow: bool, tail: int, timestamps: bool
) -> int:
    """Copy the nodes' logs to stdout, each line behind the node's name; return an exit code."""
    if not nodes:
        return 0
    project = nodes[0].project
    flags = [f"--tail={tail}", *(["--follow"] if follow else []), *(["--timestamps"] if timestamps else [])]
    flags += [] if sys.stdout.isatty() else ["--no-color"]
    call = ["docker", "compose", "--project-name", project, "logs", *flags, *(one.name for one in nodes)]
    return subprocess.run(call, env=_environment(engine), check=False).returncode


def _environment(engine: Engine) -> dict[str, str]:
    return {**os.environ, **({"DOCKER_HOST": engine.host} if engine.host else {})}
