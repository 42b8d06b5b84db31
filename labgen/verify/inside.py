"""Where a probe's program is: in a volume that every node of ours has, so that a probe can be started inside.

To enter a container costs a quarter of what it costs to start one, and a lab is verified as often as it is
tried. The program brings its interpreter and libraries: servers' images need not have any.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import requests
from docker.errors import DockerException

from labgen.engine.once import run_beside, words_of
from labgen.errors import LabgenError
from labgen.names import PROBE_FOLDER
from labgen.render.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus
    from labgen.engine.state import LabState

__all__ = ["programs_inside"]

_PROGRAM: Final = "labgen-probe-session"
_VOLUME: Final = "/srv/probe"
_NOTE: Final = "probe.json"  # in the lab's folder: what is in which volume
_SECONDS: Final = 60  # to copy some 30 MiB on a busy machine


def programs_inside(
    engine: Engine, state: LabState, image: str, nodes: Iterable[NodeStatus]
) -> dict[str, str]:
    """Return by node the program to start in it, for those that have the volume; put it there if need be.

    Others, such as foreign images and labs of an older labgen, are probed from beside. Raises LabgenError
    when the volume cannot be filled.
    """
    there = [one for one in nodes if one.probe_volume]
    if not there:
        return {}
    version = image.rpartition(":")[2]
    try:
        _fill(engine, state, image, there[0].probe_volume, version)
    except (DockerException, requests.RequestException, OSError) as error:
        raise _cannot(state.name, words_of(error)) from error
    return {one.name: f"{PROBE_FOLDER}/{version}/{_PROGRAM}" for one in there}


def _fill(engine: Engine, state: LabState, image: str, volume: str, version: str) -> None:
    """Put the program into the volume, unless it is known to be there: nobody else writes to it.

    A volume that is made anew has another age.
    """
    made = str(engine.sdk.api.inspect_volume(volume)["CreatedAt"])
    there = {"volume": volume, "made": made, "version": version}
    note = state.folder / _NOTE
    with suppress(OSError, ValueError):
        if json.loads(note.read_text("utf-8")) == there:
            return
    code, said = run_beside(
        engine,
        state.name,
        image,
        ["labgen-probe-install", _VOLUME, version],
        network="",
        seconds=_SECONDS,
        memory="128m",
        binds=[f"{volume}:{_VOLUME}"],
    )
    if code:
        raise _cannot(state.name, said.splitlines()[-1] if said else f"exit code {code}")
    if state.folder.is_dir():
        write_file(note, json.dumps(there) + "\n", 0o644)


def _cannot(lab: str, reason: str) -> LabgenError:
    return LabgenError(
        f"the probe's program cannot be put into lab '{lab}': {reason}",
        f"It takes 40 MiB of the engine's disk; `labgen status {lab}` tells whether the nodes still run.",
    )
