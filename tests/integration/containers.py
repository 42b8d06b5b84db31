"""Which containers a lab has, and since when each runs: who is the same in two looks was not touched."""

from __future__ import annotations

from labgen.engine.client import Engine
from labgen.engine.observe import observe


def containers(engine: Engine, lab: str) -> dict[str, tuple[str, str]]:
    """Return by node its container, and when its programs were started."""
    look = engine.sdk.api.inspect_container
    return {
        name: (one.container, look(one.container)["State"]["StartedAt"])
        for name, one in observe(engine, lab).items()
    }
