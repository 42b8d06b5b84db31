"""What the plan says must work: every realised connection, for every pair of nodes that it joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.catalogue.model import Connection
    from labgen.plan.model import LabPlan
    from labgen.verify.look import Look

__all__ = ["HOST", "Expected", "expected_dialogues", "is_cut", "published_dialogues"]

#: The participant that is no node: the machine that the lab runs on.
HOST: Final = "host"
_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 15.0  # whoever was silent while everybody asked is given the time of a busy machine
_CUT_SECONDS: Final = 0.5  # a wire that was cut is silent; nobody has to wait long to hear that


@dataclass(frozen=True, slots=True)
class Expected:
    """One dialogue that must succeed: from a participant's own network namespace to a node.

    `host` and `port` are where it is spoken to: a node's name and its documented port, a published one, or
    (`shared`) the address that the node shares with others of its role.
    """

    source: str
    destination: str
    connection: Connection
    host: str
    port: int
    shared: bool = False

    @property
    def id(self) -> str:
        """`22: dc1-rs-1 -> dc1-redis-1`, unique in a lab; ` at frontend` follows where several share it."""
        shared = f" at {self.host}" if self.shared else ""
        return f"{self.connection.id}: {self.source} -> {self.destination}{shared}"

    def needs(self, value: str) -> bool:
        """Whether its path has a place for `value`."""
        speak = self.connection.speak
        return speak is not None and f"{{{value}}}" in (speak.path or "")

    def as_check(
        self, values: Mapping[str, str], *, cut: bool = False, again: bool = False
    ) -> dict[str, Any]:
        """Return the check as the probe takes it (images/probe); `values` fill in the path.

        A path that needs a value which nobody has is asked with an empty one, and any answer that is the
        protocol's will do. `cut` asks with little patience, `again` with much.
        """
        row = self.connection
        options = row.speak.model_dump(exclude_none=True) if row.speak else {}
        if "path" in options:
            known = _Known(values)
            options["path"] = options["path"].format_map(known)
            if known.missed:
                options = {**options, "anything": True}
                options.pop("status", None)
        return {
            "id": self.id,
            "protocol": row.protocol,
            "transport": row.transport,
            "host": self.host,
            "port": self.port,
            "timeout": _CUT_SECONDS if cut else _AGAIN_SECONDS if again else _SECONDS,
            "options": options,
        }


class _Known(dict[str, str]):
    """Values by name; an unknown one is empty, and noted."""

    missed = False

    def __missing__(self, _key: str) -> str:
        self.missed = True
        return ""


def expected_dialogues(plan: LabPlan) -> list[Expected]:
    """Return every dialogue that the documents promise between nodes, in the order of the plan's nodes."""
    found: dict[tuple[str, str, str], Expected] = {}
    for node in plan.nodes:
        for neighbour in plan.neighbours(node):
            # At the node itself, and once at the address that it shares with others.
            for host in (neighbour.node.name, neighbour.host):
                row, name = neighbour.connection, neighbour.node.name
                one = Expected(node.name, name, row, host, row.port, shared=host != name)
                found.setdefault((row.id, node.name, host), one)
    return list(found.values())


def published_dialogues(plan: LabPlan) -> list[Expected]:
    """Return what this machine is promised: every row behind a published port, at that port."""
    found = []
    for one in plan.published:
        for row in map(plan.connection_by_id.get, one.connections):
            if row is not None:
                host = one.local.rpartition(":")[0]
                found.append(Expected(HOST, one.node, row, host, one.host_port))
                if one.virtual:
                    found.append(Expected(HOST, one.node, row, one.virtual, one.port, shared=True))
    return found


def is_cut(plan: LabPlan, looks: Mapping[str, Look], cuts: frozenset[tuple[str, str]], one: Expected) -> bool:
    """Whether a dialogue goes over one of the wires `cuts`; `looks` show who has a shared address."""
    answers = one.destination
    if one.shared:
        source = plan.node_by_name.get(one.source)
        links = {"public"} if source is None else {interface.link for interface in source.interfaces}
        addresses = {
            shared.address
            for shared in plan.shared_by(plan.node_by_name[one.destination])
            if shared.host == one.host and shared.link in links
        }
        holders = (name for name, look in looks.items() if not addresses.isdisjoint(look.addresses))
        answers = next(holders, answers)
    return (one.source, answers) in cuts
