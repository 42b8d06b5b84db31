"""The truth table: what the documents say and what was measured, for every ordered pair.

Nothing here measures; `labgen.verify.judge` fills it in. A table is complete by construction: it has a
cell for every ordered pair that was asked for (all of them, without `--only`), and a question that got no
answer is `UNMEASURED`, never "closed".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

__all__ = ["Cell", "Dialogue", "Difference", "Kind", "NodeReport", "Outcome", "State", "TruthTable"]


class Outcome(StrEnum):
    """What a probe saw. `failed` is the probe's own trouble, and never counts as closed."""

    SPOKEN = "spoken"
    OPEN = "open"
    GARBLED = "garbled"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    SILENT = "silent"
    UNRESOLVED = "unresolved"
    FAILED = "failed"


class State(StrEnum):
    """What one cell of the table comes to; the worst of all that was asked for its pair."""

    SPOKEN = "spoken"  # documented, and every row of it was spoken in its protocol
    CLOSED = "closed"  # no row joins the two, and nothing was open
    CUT = "cut"  # `labgen cut` took the wire away, and nothing passed
    UNMEASURED = "unmeasured"  # some question got no answer: neither open nor closed
    MISSING = "missing"  # a documented connection does not work
    EXTRA = "extra"  # something works that no document has


class Kind(StrEnum):
    """What a difference is about."""

    CONNECTION = "connection"  # a documented row does not work
    PORT = "port"  # a port is open that no row opens
    ESCAPE = "escape"  # a way out of the lab: gateway, host, internet, another lab
    NAME = "name"  # a name resolves that should not, or does not that should, or to another address
    LISTENER = "listener"  # a server listens where no row has a port
    NETWORK = "network"  # an address or network that the plan lacks, or the other way round
    IPV6 = "ipv6"
    RULES = "rules"  # the rules in force are not the rendered ones
    NODE = "node"  # a node does not run
    CUT = "cut"  # a wire that was cut still carries something
    PROBE = "probe"  # the probe broke: nothing is known


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One documented connection of a pair, and how it went. `ms` is the time of the whole dialogue.

    `follows`: only a leader listens there, the destination is none, and everybody reaches the one there is.
    """

    connection: str
    protocol: str
    ports: str
    provenance: str
    reference: str
    purpose: str
    outcome: Outcome
    evidence: str
    ms: float = 0.0
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the plan says.

    `destination` is empty for what concerns the source alone; `connection` is the document row that is
    broken, or that would have to exist (empty: there is none). `question` is what was asked
    (`10.210.0.18:8009/tcp`), `expected` and `found` are sentences of a few words, `evidence` what was seen.
    """

    kind: Kind
    source: str
    destination: str
    question: str
    expected: str
    found: str
    connection: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """An ordered pair. `closed` counts the undocumented questions by outcome, all of them rightly closed."""

    source: str
    destination: str
    state: State
    dialogues: tuple[Dialogue, ...] = ()
    closed: tuple[tuple[Outcome, int], ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What was asked of one participant by itself: listeners, addresses, names, rules, ways out.

    `checks` are (title, what was seen) of everything that is as it should be, for people.
    """

    name: str
    role: str
    site: str
    actor: bool
    enforced: str
    checks: tuple[tuple[str, str], ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class TruthTable:
    """The whole result. `cells` is in the order of `nodes` by `nodes`, without the diagonal.

    `nodes` are the lab's nodes in the plan's order, then `host` (this machine). `cuts` are ordered pairs
    that `labgen cut` took away. `asked` counts questions, `seconds` is the time of the measurement.
    """

    lab: str
    size: str
    firewall: bool
    nodes: tuple[NodeReport, ...]
    cells: tuple[Cell, ...]
    asked: int
    seconds: float
    only: str = ""
    cuts: tuple[tuple[str, str], ...] = field(default=())

    @cached_property
    def by_pair(self) -> dict[tuple[str, str], Cell]:
        """Every cell by (source, destination)."""
        return {(one.source, one.destination): one for one in self.cells}

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every difference, pairs first; those of a broken probe last."""
        found = [one for cell in self.cells for one in cell.differences]
        found += [one for node in self.nodes for one in node.differences]
        return tuple(sorted(found, key=lambda one: one.kind is Kind.PROBE))

    @property
    def equal(self) -> bool:
        """Whether the lab is exactly as planned, every question answered."""
        return not self.differences

    @property
    def measured(self) -> bool:
        """False when all that is wrong is that probes broke: then nothing is known to differ."""
        return any(one.kind is not Kind.PROBE for one in self.differences) or self.equal
