"""Examines the machine: everything that `up` would stumble over, found before it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen.engine.build import missing_images
from labgen.engine.capacity import DISK_FOR_IMAGES, check_capacity, measure_machine
from labgen.engine.client import connect
from labgen.engine.free import choose_supernet, taken_networks
from labgen.engine.state import state_root
from labgen.engine.stock import shipped_images
from labgen.errors import LabgenError
from labgen.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen.engine.client import Engine

__all__ = ["Finding", "examine"]

_LAB_MEMORY = 2 * 2**30  # a small lab at rest, with some room


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `state` is ok or failed, `exit_code` what a failure means for the program."""

    check: str
    state: str
    finding: str
    way_out: str = ""
    exit_code: int = 0


def examine() -> list[Finding]:
    """Return what was found, most fundamental first; without an engine nothing else can be asked."""
    findings: list[Finding] = []

    def check(name: str, ask: Callable[[], str]) -> None:
        try:
            findings.append(Finding(name, "ok", ask()))
        except LabgenError as error:
            findings.append(Finding(name, "failed", error.message, error.hint, error.exit_code))

    engines: list[Engine] = []

    def engine() -> str:
        engines.append(connect(compose=True))
        return f"version {engines[0].sdk.version()['Version']}, with Compose"

    check("engine", engine)
    if engines:
        check("memory and disk", lambda: _room(engines[0]))
        check("subnets", lambda: f"{choose_supernet(None, None, taken_networks(engines[0], '')[0])} is free")
        check("images", lambda: _images(engines[0]))
    check("state folder", _state)
    return findings


def _room(engine: Engine) -> str:
    machine = measure_machine(engine)
    check_capacity(machine, _LAB_MEMORY, DISK_FOR_IMAGES)
    disk = "" if machine.disk_free is None else f", {format_bytes(machine.disk_free)} of disk"
    return f"{format_bytes(machine.memory_available)} of memory{disk}, {machine.cpus} processors"


def _images(engine: Engine) -> str:
    missing = missing_images(engine, shipped_images())
    return f"{len(missing)} to be built: {', '.join(one.name for one in missing)}" if missing else "all there"


def _state() -> str:
    root = state_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise LabgenError(
            f"{root}: cannot be written: {error.strerror}", "Choose another folder with $LABGEN_STATE_DIR."
        ) from error
    return str(root)
