"""Makes the engine hold what was rendered: Compose does the work, and what it leaves undone is done here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError

from labgen.engine.observe import NodeState
from labgen.errors import LabgenError
from labgen.names import Label, network_name, project_name
from labgen.render.service import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan

__all__ = [
    "NetworkTakenError",
    "PortTakenError",
    "clear_blind",
    "clear_moved",
    "compose_up",
    "remove_stale",
    "resume_paused",
]


#: What the engine says when another container has a port, and when any other program has it.
_TAKEN: Final = ("port is already allocated", "address already in use")
#: What it says when another network is where one of the lab's should be.
_OVERLAP: Final = "Pool overlaps"


class PortTakenError(LabgenError):
    """A host port that was free a moment ago is taken."""


class NetworkTakenError(LabgenError):
    """A part of the supernet that was free a moment ago is taken: another lab is coming up as well."""


def compose_up(engine: Engine, state: LabState, *, renewed: bool) -> None:
    """Create and start what is missing or changed; `renewed` secrets or certificates mean every node.

    Raises PortTakenError, NetworkTakenError, or LabgenError with what Compose said.
    """
    from python_on_whales.exceptions import DockerException  # noqa: PLC0415 - half a second, here needed

    compose = engine.compose(state.folder, project_name(state.name)).compose
    try:
        compose.up(detach=True, quiet=True, remove_orphans=True, no_build=True, force_recreate=renewed)
    except DockerException as error:
        lines = [line.strip() for line in (error.stderr or "").splitlines()]
        reasons = [line for line in lines if "rror" in line] or lines[-5:]
        kind = LabgenError
        if any(sign in line for line in lines for sign in _TAKEN):
            kind = PortTakenError
        elif any(_OVERLAP in line for line in lines):
            kind = NetworkTakenError
        raise kind(
            f"lab '{state.name}' could not be started:\n" + "\n".join(f"  {line}" for line in reasons),
            f"What was started stays. `labgen up {state.name}` tries again, "
            f"`labgen down {state.name}` removes it.",
        ) from error


def clear_moved(engine: Engine, plan: LabPlan) -> None:
    """Remove the lab's networks that are now elsewhere or no more, with the nodes on them.

    The engine cannot move a network, and Compose would make the new one beside it, in the same place.
    The nodes come back with their data. Raises LabgenError when a stranger is on such a network.
    """
    wanted, label = _wanted_networks(plan), f"{Label.LAB}={plan.name}"
    there = engine.sdk.api.networks(filters={"label": label})
    moved = [network for network in there if wanted.get(network["Name"]) != _subnet(network)]
    own = {one["Id"]: one for one in engine.containers(label)} if moved else {}
    for network in moved:
        members = engine.sdk.api.inspect_network(network["Id"]).get("Containers") or {}
        strangers = [one["Name"] for identity, one in members.items() if identity not in own]
        if strangers:
            raise LabgenError(
                f"network {network['Name']} has to move or go, but container {', '.join(strangers)} is on it",
                "Disconnect it, then `labgen up` again.",
            )
        for identity in _attached(own, network["Name"]):
            _forgiving(engine.sdk.api.remove_container, identity, force=True)
        _forgiving(engine.sdk.api.remove_network, network["Id"])


def clear_blind(
    engine: Engine, existing: Mapping[str, NodeStatus], names: Collection[str]
) -> dict[str, NodeStatus]:
    """Remove the containers of these nodes, whose folders were gone; return all others that exist.

    They were to go when `up` was interrupted. A container holds on to the folder that it has, and would never
    see the new one. The nodes come back with their data.
    """
    for name in existing.keys() & names:
        _forgiving(engine.sdk.api.remove_container, existing[name].container, force=True)
    return {name: status for name, status in existing.items() if name not in names}


def resume_paused(engine: Engine, existing: Iterable[NodeStatus]) -> None:
    """Let paused nodes go on: Compose refuses to start them."""
    for status in existing:
        if status.state is NodeState.PAUSED:
            _forgiving(engine.sdk.api.unpause, status.container)


def remove_stale(engine: Engine, plan: LabPlan) -> None:
    """Remove the volumes of nodes that the lab no longer has; Compose leaves them."""
    label = {"label": f"{Label.LAB}={plan.name}"}
    for volume in engine.sdk.api.volumes(filters=label).get("Volumes") or ():
        node = volume["Labels"].get(Label.NODE)
        if node is not None and node not in plan.node_by_name:
            _forgiving(engine.sdk.api.remove_volume, volume["Name"])


def _wanted_networks(plan: LabPlan) -> dict[str, str]:
    wanted = {network_name(plan.name, link.name): str(link.subnet) for link in plan.links}
    if plan.published:
        wanted[network_name(plan.name, PUBLIC)] = str(plan.public_subnet)
    return wanted


def _subnet(network: dict[str, Any]) -> str:
    configs = (network.get("IPAM") or {}).get("Config") or [{}]
    return str(configs[0].get("Subnet"))


def _attached(own: dict[str, Any], network: str) -> list[str]:
    """Return the lab's containers that are on `network`, stopped ones too."""
    return [
        identity
        for identity, one in own.items()
        if network in ((one.get("NetworkSettings") or {}).get("Networks") or {})
    ]


def _forgiving(remove: Callable[..., object], name: str, **options: Any) -> None:
    """Remove one thing; one that is gone already is gone, one that is in use is no leftover of ours."""
    try:
        remove(name, **options)
    except APIError:  # NotFound among them
        return
