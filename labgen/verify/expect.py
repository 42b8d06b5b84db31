"""What the plan says must work: every realised connection, for every pair of nodes that it joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.catalogue.model import Connection
    from labgen.plan.model import LabPlan

__all__ = ["Expected", "expected_dialogues"]

_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Expected:
    """One dialogue that must succeed: from a node's own network namespace to its neighbour by name."""

    source: str
    destination: str
    connection: Connection

    @property
    def id(self) -> str:
        """`22: dc1-rs-1 -> dc1-redis-1`, unique in a lab."""
        return f"{self.connection.id}: {self.source} -> {self.destination}"

    def as_check(self, secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return the check as the probe takes it (images/probe); `secrets` fill in the path.

        Raises KeyError when the path needs a secret that is not there.
        """
        row = self.connection
        options = row.speak.model_dump(exclude_none=True) if row.speak else {}
        if "path" in options:
            options["path"] = options["path"].format_map(secrets)
        return {
            "id": self.id,
            "protocol": row.protocol,
            "transport": row.transport,
            "host": self.destination,
            "port": row.port,
            "timeout": _SECONDS,
            "options": options,
        }


def expected_dialogues(plan: LabPlan) -> list[Expected]:
    """Return every dialogue that the documents promise, in the order of the plan's nodes."""
    return [
        Expected(node.name, neighbour.node.name, neighbour.connection)
        for node in plan.nodes
        for neighbour in plan.neighbours(node)
    ]
