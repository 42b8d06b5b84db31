"""Servers that no row of the documents explains: the one question about listeners, for asking and judging."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan, Node
    from labgen.verify.look import Listener, Look

__all__ = ["strangers"]


def strangers(plan: LabPlan, node: Node, look: Look) -> tuple[Listener, ...]:
    """Return who listens in `node` though no row, and nothing published, has its port.

    None in a node that is on no network: nobody could reach it.
    """
    if not look.addresses:
        return ()
    allowed = {
        (row.transport, port)
        for row in plan.connections
        if row.destination == node.role
        for port in range(row.port, (row.last_port or row.port) + 1)
    }
    allowed |= {("tcp", one.port) for one in plan.published if node.name in one.nodes}
    return tuple(one for one in look.listeners if (one.transport, one.port) not in allowed)
