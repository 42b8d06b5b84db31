"""What the benches ask of the program and the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labgen.engine.client import Engine

__all__ = ["LABGEN", "resident", "run_labgen"]

LABGEN = str(Path(sys.executable).with_name("labgen"))


def run_labgen(*arguments: str) -> str:
    """Run the program; return what it printed."""
    done = subprocess.run(
        [LABGEN, *arguments], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return done.stdout


def resident(engine: Engine, container: str) -> int:
    """Return the bytes that a container holds, page cache left out, as `docker stats` counts."""
    stats = engine.sdk.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    return int(stats["usage"] - stats.get("stats", {}).get("inactive_file", 0))
