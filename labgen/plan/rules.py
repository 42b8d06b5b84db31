"""The firewall of each node, as data: what it may open, and who may reach it, each for its document row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from labgen.plan.model import LabPlan, Node

__all__ = ["Rule", "rules_of"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One connection seen from a node: to or from a role's part of a link, never a single address.

    So rules survive restarts, and a node more or less changes none of them. `first` and `last` are
    addresses, both included.
    """

    outgoing: bool
    first: IPv4Address
    last: IPv4Address
    transport: str
    port: int
    last_port: int | None
    connection: str


def rules_of(plan: LabPlan, node: Node) -> tuple[Rule, ...]:
    """Return the rules of `node`: outgoing ones first, each in the order of its links and their rows."""
    return (*_rules(plan, node, outgoing=True), *_rules(plan, node, outgoing=False))


def _rules(plan: LabPlan, node: Node, *, outgoing: bool) -> Iterator[Rule]:
    for interface in node.interfaces:
        link = plan.link_by_name[interface.link]
        for row in map(plan.connection_by_id.__getitem__, link.connections):
            mine, other = (row.source, row.destination) if outgoing else (row.destination, row.source)
            if mine == node.role:
                yield Rule(outgoing, *link.room(other), row.transport, row.port, row.last_port, row.id)
