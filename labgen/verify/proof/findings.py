"""What a proof comes to: one statement, and every difference with the file and line that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Kind", "Proof"]


class Kind(StrEnum):
    """What a difference is about: first what may be the cause of others, then the gravest."""

    NODE = "node"  # a node is missing, or is none of the documents'
    RULES = "rules"  # a node's rules are not there, or not as a whole what they have to be
    NETWORK = "network"  # a network joins who should not be joined, or leads out
    PUBLISHED = "published"  # a published port is not the documented one
    MISSING = "missing"  # a documented row does not pass
    EXTRA = "extra"  # something passes between two nodes that no row allows
    ESCAPE = "escape"  # something may pass between a node and what is no node
    ONE_END = "one end"  # one end would let pass what no row allows; the other end refuses it
    COMMENT = "comment"  # a rule or label names the wrong document row, or none


_OPEN = {Kind.EXTRA, Kind.ESCAPE, Kind.ONE_END}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, of one node or of two, or of `pairs` such pairs, of which the first is named.

    `row` is the document row that does not pass, or that the opening rule names; empty for none. `ports` is
    `8009/tcp` or several such, `where` is `file:line`.
    """

    kind: Kind
    text: str
    source: str = ""
    destination: str = ""
    row: str = ""
    ports: str = ""
    where: str = ""
    pairs: int = 1

    def __str__(self) -> str:
        """Return the difference in one line."""
        ends = " -> ".join(one for one in (self.source, self.destination) if one)
        more = f" (and {self.pairs - 1:,} pairs more)" if self.pairs > 1 else ""
        row = f"row {self.row}" if self.row else "no row" * (self.kind in _OPEN)
        parts = (ends + more, row, self.ports, self.text)
        return f"{self.kind}: {', '.join(one for one in parts if one)}" + (
            f" ({self.where})" if self.where else ""
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found. `rows` and `connections` count what passes: document rows, and pairs with a row.

    `reachable` counts the ordered pairs of nodes of which one reaches the other on some port.
    """

    nodes: int
    networks: int
    rows: int
    connections: int
    reachable: int
    firewall: bool
    findings: tuple[Finding, ...]

    @property
    def equal(self) -> bool:
        """Whether exactly what is documented passes."""
        return not self.findings

    @property
    def pairs(self) -> int:
        """Ordered pairs of nodes."""
        return self.nodes * (self.nodes - 1)

    @property
    def statement(self) -> str:
        """What is proved, in one sentence; how many differences there are, when it is not."""
        if self.findings:
            count = len(self.findings)
            return f"not proved: {count} difference{'s' * (count > 1)} in {self.nodes} nodes"
        if not self.firewall:
            return (
                f"proved: {self.nodes} nodes, {self.pairs:,} ordered pairs, no firewall: exactly the ends of "
                f"the {self.rows} documented rows ({self.connections:,} connections) share a network"
            )
        return (
            f"proved: {self.nodes} nodes, {self.pairs:,} ordered pairs, 65,535 ports each: exactly the "
            f"{self.rows} documented rows ({self.connections:,} connections) pass, nothing else"
        )
