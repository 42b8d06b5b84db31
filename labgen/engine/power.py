"""Stops and starts nodes of a lab that exists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from docker.errors import APIError

from labgen.engine.events import Emit, ignore
from labgen.engine.lock import locked
from labgen.engine.observe import observe
from labgen.engine.ready import Watch, wait_ready
from labgen.engine.state import lab_state
from labgen.errors import LabgenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.engine.client import Engine

__all__ = ["turn"]

_GRACE: Final = 10  # seconds for a server to end by itself; the contract asks for five
_PARALLEL: Final = 8


def turn(
    engine: Engine,
    lab: str,
    action: str,
    nodes: Sequence[str],
    *,
    timeout: float,
    wait: bool = True,
    emit: Emit = ignore,
) -> None:
    """Do `action` (`stop`, `start` or `restart`) to `nodes`, all at once, and wait for their health.

    Raises LabgenError for the nodes that the engine refuses, NotReady for those not healthy in time.
    """
    with locked(lab_state(lab), f"{action} {lab}", emit, timeout), Watch(engine, lab, emit) as watch:
        running = observe(engine, lab)

        def act(node: str) -> str:
            if node not in running:
                return f"  {node}: it is not there any more"
            container = running[node].container
            try:
                if action == "start":
                    engine.sdk.api.start(container)
                else:
                    getattr(engine.sdk.api, action)(container, timeout=_GRACE)
            except APIError as error:
                return f"  {node}: {error.explanation}"
            return ""

        with ThreadPoolExecutor(_PARALLEL) as pool:
            refused = [one for one in pool.map(act, nodes) if one]
        if refused:
            raise LabgenError(f"the engine refuses to {action}:\n" + "\n".join(refused))
        if wait and action != "stop":
            wait_ready(engine, lab, nodes, watch, timeout, emit)
