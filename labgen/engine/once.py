"""Programs that run once and are waited for: in a container that runs, or in one made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from labgen.errors import first_line
from labgen.names import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.engine.client import Engine

__all__ = ["run_beside", "run_inside", "words_of"]


def words_of(error: BaseException) -> str:
    """Return the engine's own words for what went wrong, or the first line of what else did."""
    return str(error.explanation) if isinstance(error, APIError) else first_line(error)


def run_inside(
    engine: Engine,
    container: str,
    command: Sequence[str],
    *,
    user: str,
    environment: dict[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run `command` in a container that runs; return its exit code and what it said.

    Raises as the SDK does.
    """
    api = engine.sdk.api
    created = api.exec_create(container, list(command), user=user, environment=environment)["Id"]
    said = api.exec_start(created).decode("utf-8", "replace").strip()
    return api.exec_inspect(created)["ExitCode"], said


def run_beside(
    engine: Engine,
    lab: str,
    image: str,
    command: Sequence[str],
    *,
    network: str,
    seconds: int,
    memory: str,
    **limits: Any,
) -> tuple[int, str]:
    """Run `command` as root without rights, in a container of its own; return its exit code and what it said.

    `network` is a container whose network it has, or empty for none. It ends after `seconds` at most.
    `limits` are more of what the SDK takes for a container's host. Raises as the SDK does.
    """
    api = engine.sdk.api
    host = api.create_host_config(
        network_mode=f"container:{network}" if network else "none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        mem_limit=memory,
        pids_limit=16,
        **limits,
    )
    identity = api.create_container(
        image,
        entrypoint=["timeout", str(seconds), command[0]],
        command=list(command[1:]),
        host_config=host,
        user="root",
        labels={Label.LAB: lab, Label.PROBE: network or "none"},
    )["Id"]
    try:
        api.start(identity)
        code = api.wait(identity, timeout=seconds)["StatusCode"]
        return int(code), api.logs(identity).decode("utf-8", "replace").strip()
    finally:
        api.remove_container(identity, force=True)
