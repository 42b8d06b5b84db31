"""Where a probe's program is: in a volume that every node of ours has, so that a probe can be started inside.

To enter a container costs a quarter of what it costs to start one, and a lab is verified as often as it is
tried. The program brings its interpreter and libraries: servers' images need not have any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import requests
from docker.errors import APIError, DockerException

from labgen.errors import LabgenError, first_line
from labgen.names import PROBE_FOLDER, Label

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
        if not _is_there(engine, there[0].container, program):
            _install(engine, lab, image, there[0].probe_volume, version)
    except (DockerException, requests.RequestException, OSError) as error:
        reason = error.explanation if isinstance(error, APIError) else first_line(error)
        raise _cannot(lab, str(reason)) from error
    return {one.name: program for one in there}


def _is_there(engine: Engine, container: str, program: str) -> bool:
    api = engine.sdk.api
    asked = api.exec_create(container, ["test", "-x", program], user="0")["Id"]
    api.exec_start(asked)
    return bool(api.exec_inspect(asked)["ExitCode"] == 0)


def _install(engine: Engine, lab: str, image: str, volume: str, version: str) -> None:
    api = engine.sdk.api
    limits = api.create_host_config(
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        binds=[f"{volume}:{_VOLUME}"],
        mem_limit="128m",
        pids_limit=16,
    )
    identity = api.create_container(
        image,
        entrypoint=["timeout", str(_SECONDS), "labgen-probe-install"],
        command=[_VOLUME, version],
        host_config=limits,
        user="root",
        labels={Label.LAB: lab, Label.PROBE: "none"},
    )["Id"]
    try:
        api.start(identity)
        code = api.wait(identity, timeout=_SECONDS)["StatusCode"]
        said = api.logs(identity).decode("utf-8", "replace").strip()
    finally:
        api.remove_container(identity, force=True)
    if code:
        raise _cannot(lab, said.splitlines()[-1] if said else f"exit code {code}")


def _cannot(lab: str, reason: str) -> LabgenError:
    return LabgenError(
        f"the probe's program cannot be put into lab '{lab}': {reason}",
        f"It takes 60 MiB of the engine's disk; `labgen status {lab}` tells whether the nodes still run.",
    )
