"""The platform at work: many deployments at once, how its API answers meanwhile, and how its stubs start."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from labgen.engine.client import Engine, connect
from labgen.names import Label
from labgen.units import format_bytes
from tests.bench.figures import Figure
from tests.bench.running import LABGEN, resident, run_labgen

_NUMBER, _CONCURRENCY = 200, 20
_STUBS = "labgen/stub:"
_SERVING = "serving"


def figures() -> list[Figure]:
    """Restart each stub of a small lab and see how soon it serves; then deploy machines by the hundred."""
    name = f"bench-{os.getpid()}"
    engine = connect()
    try:
        run_labgen("up", name, "--size", "small")
        load = _load(name)
        memory = max(resident(engine, one) for one in _stubs(engine, name))
        start = max(_start(engine, one) for one in _stubs(engine, name))
    finally:
        run_labgen("down", name)
    whole = load["number"] - load["failed"]
    return [
        Figure(
            f"{_NUMBER} machines deployed, seen running and undeployed, {_CONCURRENCY} at a time",
            f"{whole} in {load['seconds']:.0f} s, {len(load['left'])} left behind",
            f"{_NUMBER}, 0 left behind",
        ),
        Figure(
            f"answers of the API to {load['gets']:,} GETs meanwhile, 99 of 100",
            f"{load['get_ms']['p99']:.0f} ms",
            "at most 100 ms",
        ),
        Figure(
            "the slowest stub, from its container's start until it serves", f"{start:.2f} s", "at most 1 s"
        ),
        Figure("the largest stub after that, resident memory", format_bytes(memory), "at most 80MiB"),
    ]


def _load(name: str) -> dict[str, Any]:
    """Return what the load came to; machines that failed are part of it."""
    call = [LABGEN, "smoke", name, f"--load={_NUMBER}", f"--concurrency={_CONCURRENCY}", "--format=json"]
    done = subprocess.run(call, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not done.stdout:
        raise RuntimeError(f"the load could not be measured: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _stubs(engine: Engine, name: str) -> Iterator[str]:
    """Yield the container of each of the vendor's servers."""
    for one in engine.containers(f"{Label.LAB}={name}"):
        if one["Image"].startswith(_STUBS):
            yield one["Id"]


def _start(engine: Engine, container: str) -> float:
    """Return the seconds between a container's start and its server's word that it serves."""
    api = engine.sdk.api
    api.restart(container, timeout=5)
    began = datetime.fromisoformat(api.inspect_container(container)["State"]["StartedAt"])
    # Since then only: what was said before the restart is of the life before.
    for line in api.logs(container, stream=True, follow=True, since=int(began.timestamp())):
        said = json.loads(line) if line.startswith(b"{") else {}
        if said.get("message") == _SERVING and (at := datetime.fromisoformat(said["time"])) > began:
            return (at - began).total_seconds()
    raise RuntimeError(f"{container} ended before it served")
