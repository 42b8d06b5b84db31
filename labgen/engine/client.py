"""The way to the Docker engine, and what it must be able to do."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import docker
import requests
from docker.context import ContextAPI
from docker.errors import DockerException

from labgen.errors import EngineMissing, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import python_on_whales

__all__ = ["COMPOSE_MINIMUM", "ENGINE_MINIMUM", "Engine", "compose_version", "connect", "engine_version"]

#: 28.0 brought isolated gateways for internal networks, and the choice of the default route.
ENGINE_MINIMUM: Final = (28, 0)
#: 2.33.1 is the first Compose that passes the choice of the default route (`gw_priority`) on.
COMPOSE_MINIMUM: Final = (2, 33, 1)
_TIMEOUT: Final = 60  # seconds for one request to the engine; building and waiting have bounds of their own


@dataclass(frozen=True, slots=True)
class Engine:
    """A connection to a Docker engine that is new enough."""

    sdk: docker.DockerClient
    host: str | None

    def compose(self, folder: Path | None, project: str) -> python_on_whales.DockerClient:
        """Return a Compose client for `project`; `folder` holds its compose.yaml, None works by label."""
        import python_on_whales  # noqa: PLC0415 - half a second that reading status need not pay

        files: list[str | Path] = [folder / "compose.yaml"] if folder else []
        return python_on_whales.DockerClient(
            host=self.host, compose_files=files, compose_project_name=project
        )

    def containers(self, *labels: str) -> Iterator[dict[str, Any]]:
        """Return what the engine lists of all containers, stopped ones too, that bear all `labels`."""
        found: list[dict[str, Any]] = self.sdk.api.containers(all=True, filters={"label": list(labels)})
        return iter(found)


def _host() -> str | None:
    if os.environ.get("DOCKER_HOST"):
        return None  # both clients read it themselves
    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError):
        return None
    host = context.Host if context else None
    return str(host) if host else None


def connect(*, compose: bool = False) -> Engine:
    """Return the engine that the user's Docker client would use.

    With `compose` for who will need the Compose plugin: to ask for its version takes as long as much
    of what others want at all. Raises EngineMissing when there is no client, no answer, no such plugin, or
    one that is too old.
    """
    if shutil.which("docker") is None:
        raise EngineMissing(
            "there is no `docker` command", "`make setup` installs an engine on Debian and Ubuntu."
        )
    host = _host()
    try:
        sdk = (
            docker.DockerClient(base_url=host, timeout=_TIMEOUT)
            if host
            else docker.from_env(timeout=_TIMEOUT)
        )
        version = sdk.version()
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineMissing(
            f"no Docker engine answers at {host or os.environ.get('DOCKER_HOST', 'the default socket')}: "
            f"{_reason(error)}",
            "Start it (`systemctl start docker`), or let `make setup` install one; "
            "a user needs to be in the group `docker`.",
        ) from error
    engine_version(str(version.get("Version", "")))
    if compose:
        compose_version()
    return Engine(sdk, host)


def engine_version(text: str) -> tuple[int, ...]:
    """Return the version as numbers. Raises EngineMissing when it is older than labgen needs."""
    found = _numbers(text)
    if found < ENGINE_MINIMUM:
        raise EngineMissing(
            f"the Docker engine is {text or 'of an unknown version'}; "
            f"a lab needs {_dotted(ENGINE_MINIMUM)} or newer",
            "Its networks have no isolated gateway before that. `make setup` says how to get a newer one.",
        )
    return found


def compose_version() -> tuple[int, ...]:
    """Return the Compose plugin's version. Raises EngineMissing when there is none, or an older one."""
    import subprocess  # noqa: PLC0415 - only here: python-on-whales needs ten times as long to ask

    try:
        text = subprocess.run(
            ["docker", "compose", "version", "--short"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.strip()
    except (subprocess.SubprocessError, OSError) as error:
        raise EngineMissing(
            "the Docker client has no Compose plugin",
            "Install it (Debian: docker-compose or docker-compose-plugin), or run `make setup`.",
        ) from error
    found = _numbers(text)
    if found < COMPOSE_MINIMUM:
        raise EngineMissing(
            f"Docker Compose is {text}; a lab needs {_dotted(COMPOSE_MINIMUM)} or newer",
            "Install a newer Compose plugin, or run `make setup`.",
        )
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0].partition("-")[0])[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _reason(error: BaseException) -> str:
    """Return the cause in one line: what the socket said, not what four layers made of it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return first_line(error)
