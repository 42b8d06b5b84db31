"""Where a probe's program is: in a volume that every node of ours has, so that a probe can be started inside.

To enter a container costs a quarter of what it costs to start one, and a lab is verified as often as it is
tried. The program brings its interpreter and libraries: servers' images need not have any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import requests
from docker.errors import DockerException

from labgen.engine.once import run_beside, run_inside, words_of
from labgen.errors import LabgenError
from labgen.names import PROBE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus

__all__ = ["programs_inside"]

_PROGRAM: Final = "labgen-probe-session"
_VOLUME: Final = "/srv/probe"
_SECONDS: Final = 60  # to copy some 50 MiB on a busy machine


def programs_inside(engine: Engine, lab: str, image: str, nodes: Iterable[NodeStatus]) -> dict[str, str]:
    """Return by node the program to start in it, for those that have the volume; put it there if need be.

    Others, such as foreign images and labs of an older labgen, are probed from beside. Raises LabgenError
    when the volume cannot be filled.
    """
    there = [one for one in nodes if one.probe_volume]
    if not there:
        return {}
    version = image.rpartition(":")[2]
    program = f"{PROBE_FOLDER}/{version}/{_PROGRAM}"
    try:
        code, _ = run_inside(engine, there[0].container, ["test", "-x", program], user="0")
        if code:
            _install(engine, lab, image, there[0].probe_volume, version)
    except (DockerException, requests.RequestException, OSError) as error:
        raise _cannot(lab, words_of(error)) from error
    return {one.name: program for one in there}


def _install(engine: Engine, lab: str, image: str, volume: str, version: str) -> None:
    code, said = run_beside(
        engine,
        lab,
        image,
        ["labgen-probe-install", _VOLUME, version],
        network="",
        seconds=_SECONDS,
        memory="128m",
        binds=[f"{volume}:{_VOLUME}"],
    )
    if code:
        raise _cannot(lab, said.splitlines()[-1] if said else f"exit code {code}")


def _cannot(lab: str, reason: str) -> LabgenError:
    return LabgenError(
        f"the probe's program cannot be put into lab '{lab}': {reason}",
        f"It takes 60 MiB of the engine's disk; `labgen status {lab}` tells whether the nodes still run.",
    )
