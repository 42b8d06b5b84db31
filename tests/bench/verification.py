"""`labgen verify`: how long it takes, and how long the same questions would take with a process for each."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from itertools import cycle, islice
from typing import Any

from labgen.names import container_name
from tests.bench.figures import Figure
from tests.bench.running import run_labgen

_ROUNDS = 5
_SAMPLE = 60
#: Three datacenters, three regions, two of some: fifty nodes.
_FIFTY = ("datacenters=3", "regions=3", "hypervisor=2", "guest=2", "ui=2", "api=2", "m=2")


def figures() -> list[Figure]:
    """Measure small, in turn with a sample of single questions by `docker exec`; then fifty nodes."""
    name = f"bench-{os.getpid()}"
    try:
        run_labgen("up", name, "--size", "small")
        wholes, singles = [], []
        document: dict[str, Any] = {}
        for _ in range(_ROUNDS):
            seconds, document = _verified(name)
            wholes.append(seconds)
            singles.append(_single(name, document))
        run_labgen("down", name)
        run_labgen("up", name, "--size", "small", *(f"--set={one}" for one in _FIFTY))
        fifty = [_verified(name) for _ in range(3)]
    finally:
        run_labgen("down", name)
    whole, single = statistics.median(wholes), statistics.median(singles)
    large = statistics.median(seconds for seconds, _ in fifty)
    nodes, asked = fifty[0][1]["counts"]["nodes"], fifty[0][1]["asked"]
    return [
        Figure(
            f"`labgen verify` of the small lab, {document['asked']:,} questions",
            f"{whole:.1f} s",
            "at most 3 s",
        ),
        Figure(f"`labgen verify` of {nodes} nodes, {asked:,} questions", f"{large:.1f} s", "at most 20 s"),
        Figure(
            f"the small lab's questions with one `docker exec` each, by {_ROUNDS} samples of {_SAMPLE}",
            f"{single * document['asked'] / whole:,.0f} times as long ({single * 1000:.0f} ms each)",
            "at least 50 times",
        ),
    ]


def _verified(name: str) -> tuple[float, dict[str, Any]]:
    """Return how long the command took, and what it printed."""
    started = time.perf_counter()
    text = run_labgen("verify", name, "--format", "json")
    return time.perf_counter() - started, json.loads(text)


def _single(name: str, document: dict[str, Any]) -> float:
    """Return how many seconds one question takes that has a process of its own in its source."""
    pairs = [
        (one["source"], one["destination"])
        for one in document["cells"]
        if "host" not in (one["source"], one["destination"])
    ]
    started = time.perf_counter()
    for source, destination in islice(cycle(pairs), _SAMPLE):
        question = f"exec 3<>/dev/tcp/{destination}/80"
        subprocess.run(
            ["docker", "exec", container_name(name, source), "bash", "-c", question],
            check=False,  # it is refused, and that is the answer
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    return (time.perf_counter() - started) / _SAMPLE
