"""Whether a lab fits this machine: memory and disk, asked before anything is created."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labgen.errors import LabgenError
from labgen.units import format_bytes

if TYPE_CHECKING:
    from labgen.engine.client import Engine

__all__ = ["DISK_FOR_IMAGES", "DISK_FOR_LAB", "Machine", "check_capacity", "measure_machine"]

DISK_FOR_IMAGES: Final = 4 * 2**30  # all images with what building them needs in passing
DISK_FOR_LAB: Final = 2**29  # volumes and logs of a lab


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the engine runs on. Bytes; `disk_free` is None where it cannot be asked."""

    memory_total: int
    memory_available: int
    disk_free: int | None
    disk_path: str
    cpus: int


def measure_machine(engine: Engine) -> Machine:
    """Return what the engine's machine has. On another machine than ours all its memory counts as free."""
    info = engine.sdk.info()
    total = int(info.get("MemTotal", 0))
    root = str(info.get("DockerRootDir", ""))
    address = engine.host or os.environ.get("DOCKER_HOST") or "unix://"
    local = address.startswith("unix://") and bool(root) and Path(root).is_dir()
    available = _available() if local else None
    return Machine(
        memory_total=total,
        memory_available=total if available is None else min(total, available),
        disk_free=shutil.disk_usage(root).free if local else None,
        disk_path=root,
        cpus=int(info.get("NCPU", 0)),
    )


def _available(table: Path = Path("/proc/meminfo")) -> int | None:
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", table.read_text("ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


def check_capacity(machine: Machine, memory: int, disk: int) -> None:
    """Raise LabgenError when `memory` or `disk` (bytes, of what is not there yet) do not fit."""
    if memory > machine.memory_available:
        raise LabgenError(
            f"not enough memory: the lab needs about {format_bytes(memory)} more, "
            f"{format_bytes(machine.memory_available)} of {format_bytes(machine.memory_total)} are available",
            "Take a smaller lab (`labgen plan` shows what each node needs), or give the engine more memory.",
        )
    if machine.disk_free is not None and disk > machine.disk_free:
        raise LabgenError(
            f"not enough disk: the lab needs about {format_bytes(disk)} below {machine.disk_path}, "
            f"{format_bytes(machine.disk_free)} are free",
            "`docker system prune` removes what no container uses.",
        )
