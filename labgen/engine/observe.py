"""What runs: read from the engine's labels, never from our own notes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError, NotFound

from labgen.names import PROBE_FOLDER, Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.engine.client import Engine

__all__ = ["RUNNING", "NodeState", "NodeStatus", "diagnose", "labs_of_engine", "last_check", "observe"]


class NodeState(StrEnum):
    """What a person wants to know about a node."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    CREATED = "created"
    RESTARTING = "restarting"
    PAUSED = "paused"
    STOPPED = "stopped"
    MISSING = "missing"


#: The states in which a node's programs run: it can be entered, and asked.
RUNNING: Final = frozenset({NodeState.HEALTHY, NodeState.STARTING, NodeState.UNHEALTHY})


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as the engine sees it. `detail` is the engine's own sentence (`Up 3 minutes (healthy)`).

    `network` is the container whose network the node is in: its own, or the one beside a foreign image.
    `enforced` says who applies its rules, `files` which files it was made from.
    `probe_volume` is the volume that has a probe's program in it.
    """

    name: str
    role: str
    site: str
    actor: bool
    state: NodeState
    detail: str
    container: str
    project: str
    image: str
    addresses: tuple[str, ...]
    ports: tuple[str, ...]
    network: str = ""
    enforced: str = ""
    probe_volume: str = ""
    files: str = ""


def observe(engine: Engine, lab: str) -> dict[str, NodeStatus]:
    """Return the nodes of `lab` by name, in the order of their names."""
    found = _statuses(engine.containers(f"{Label.LAB}={lab}"))
    return {
        one.name: one for one in sorted(found, key=lambda one: (one.site != "platform", one.site, one.name))
    }


def labs_of_engine(engine: Engine) -> dict[str, list[NodeStatus]]:
    """Return every lab that has a container, with its nodes."""
    labs: dict[str, list[NodeStatus]] = {}
    containers: dict[str, list[dict[str, Any]]] = {}
    for one in engine.containers(Label.LAB):
        containers.setdefault(one["Labels"][Label.LAB], []).append(one)
    for lab, members in containers.items():
        if statuses := _statuses(members):
            labs[lab] = statuses
    return dict(sorted(labs.items()))


def _statuses(containers: Iterable[dict[str, Any]]) -> list[NodeStatus]:
    """Return a status for each node; the container beside one is no node of its own."""
    there = list(containers)
    holders = {one["Labels"][Label.HOLDS]: one for one in there if Label.HOLDS in one["Labels"]}
    return [
        _status(one, holders.get(one["Labels"][Label.NODE], one))
        for one in there
        if Label.NODE in one["Labels"]
    ]


def _status(one: dict[str, Any], network: dict[str, Any]) -> NodeStatus:
    labels = one["Labels"]
    networks = (network.get("NetworkSettings") or {}).get("Networks") or {}
    return NodeStatus(
        name=labels.get(Label.NODE, ""),
        role=labels.get(Label.ROLE, ""),
        site=labels.get(Label.SITE, ""),
        actor=labels.get(Label.ACTOR) == "true",
        state=_state(str(one.get("State", "")), str(one.get("Status", ""))),
        detail=str(one.get("Status", "")),
        container=one["Id"],
        project=str(labels.get("com.docker.compose.project", "")),
        image=str(one.get("Image", "")),
        addresses=tuple(sorted(str(net["IPAddress"]) for net in networks.values() if net.get("IPAddress"))),
        ports=tuple(
            sorted(
                f"{port['IP']}:{port['PublicPort']}->{port['PrivatePort']}"
                for port in network.get("Ports") or ()
                if port.get("PublicPort")
            )
        ),
        network=network["Id"],
        enforced=labels.get(Label.ENFORCED, ""),
        probe_volume=next(
            (str(m["Name"]) for m in one.get("Mounts") or () if m.get("Destination") == PROBE_FOLDER), ""
        ),
        files=labels.get(Label.FILES, ""),
    )


def _state(state: str, status: str) -> NodeState:
    if state == "running":
        if "(healthy)" in status:
            return NodeState.HEALTHY
        return NodeState.UNHEALTHY if "(unhealthy)" in status else NodeState.STARTING
    simple = {"created": NodeState.CREATED, "restarting": NodeState.RESTARTING, "paused": NodeState.PAUSED}
    return simple.get(state, NodeState.STOPPED)


def diagnose(engine: Engine, status: NodeStatus, lines: int = 8) -> str:
    """Return why a node is not healthy: its last health output and its last log lines."""
    parts = [f"{status.name}: {status.state} ({status.detail or 'no container'})"]
    try:
        details = engine.sdk.api.inspect_container(status.container)
        said = _last_output(details)
        if said is not None:
            parts += ["  last health check:", *_indented(said, 4)]
        elif details["State"].get("Running") and not details["Config"].get("Healthcheck"):
            parts.append("  its image has no health check, which docs/contract.md asks for")
        if details["State"].get("Error"):
            parts.append(f"  engine: {details['State']['Error']}")
        logs = engine.sdk.api.logs(status.container, tail=lines, stream=False)
        if logs.strip():
            parts += ["  last log lines:", *_indented(logs.decode("utf-8", "replace"), lines)]
    except (NotFound, APIError) as error:
        parts.append(f"  the engine says no more: {error}")
    return "\n".join(parts)


def last_check(engine: Engine, status: NodeStatus) -> str:
    """Return what a node's health check said last, in one line; empty when it never said anything."""
    try:
        said = _last_output(engine.sdk.api.inspect_container(status.container))
    except (NotFound, APIError):
        return ""
    return " ".join((said or "").split())[:500]


def _last_output(details: dict[str, Any]) -> str | None:
    """Return what the last health check put out, None when there was none yet."""
    health = (details["State"].get("Health") or {}).get("Log") or ()
    return str(health[-1].get("Output", "")) if health else None


def _indented(text: str, lines: int) -> list[str]:
    return [f"    {line[:300]}" for line in text.strip().splitlines()[-lines:]]
