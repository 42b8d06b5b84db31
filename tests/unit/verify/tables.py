"""Truth tables to show: a healthy one of any plan, and any difference planted into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from labgen.plan.model import LabPlan
from labgen.verify.expect import HOST, expected_dialogues, published_dialogues
from labgen.verify.table import (
    Cell,
    Dialogue,
    Difference,
    Kind,
    NodeReport,
    Outcome,
    State,
    TruthTable,
)

#: Text that breaks out of what shows it, if anything does: HTML, XML, terminals, UTF-8.
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\x00\u202e]]>&amp;\"'\ud800{{ 7*7 }}\ufffe"

_STATES = {
    Kind.CONNECTION: State.MISSING,
    Kind.PORT: State.EXTRA,
    Kind.ESCAPE: State.EXTRA,
    Kind.CUT: State.EXTRA,
    Kind.NAME: State.MISSING,
    Kind.PROBE: State.UNMEASURED,
}


def healthy(plan: LabPlan, *, only: str = "") -> TruthTable:
    """The lab exactly as `plan` says; every dialogue took 2.5 ms, every pair has 112 closed questions."""
    dialogues: dict[tuple[str, str], list[Dialogue]] = {}
    for one in (*expected_dialogues(plan), *published_dialogues(plan)):
        row = one.connection
        dialogues.setdefault((one.source, one.destination), []).append(
            Dialogue(
                row.id,
                row.protocol,
                row.ports,
                str(row.provenance),
                row.reference,
                row.purpose,
                Outcome.SPOKEN,
                f"{row.protocol} answered",
                2.5,
            )
        )
    nodes = [
        NodeReport(
            node.name,
            node.role,
            node.site,
            node.actor,
            "itself",
            (
                ("listeners", "all have a row"),
                ("names", f"{len(plan.nodes) - 1} asked"),
                ("rules", "as rendered"),
            ),
        )
        for node in plan.nodes
    ]
    nodes.append(NodeReport(HOST, "host", "outside", actor=True, enforced=""))
    cells = []
    for source in nodes:
        for destination in nodes:
            if source is not destination:
                spoken = tuple(dialogues.get((source.name, destination.name), ()))
                state = State.SPOKEN if spoken else State.CLOSED
                closed = ((Outcome.TIMEOUT, 2), (Outcome.REFUSED, 110))
                cells.append(Cell(source.name, destination.name, state, spoken, closed))
    return TruthTable(
        plan.name, plan.size, plan.firewall, tuple(nodes), tuple(cells), 112 * len(cells), 2.64, only
    )


def planted(table: TruthTable, *differences: Difference) -> TruthTable:
    """`table` with `differences`: each in the cell of its pair, or at its source where there is no pair."""
    cells = dict(table.by_pair)
    nodes = {node.name: node for node in table.nodes}
    for one in differences:
        pair = (one.source, one.destination)
        if pair in cells:
            cell = cells[pair]
            cells[pair] = replace(
                cell,
                state=_worse(cell.state, _STATES.get(one.kind, State.EXTRA)),
                dialogues=tuple(_failed(dialogue, one) for dialogue in cell.dialogues),
                differences=(*cell.differences, one),
            )
        else:
            node = nodes[one.source]
            nodes[one.source] = replace(node, differences=(*node.differences, one))
    return replace(table, cells=tuple(cells.values()), nodes=tuple(nodes.values()))


def cut(table: TruthTable, *pairs: tuple[str, str]) -> TruthTable:
    """`table` after `labgen cut` of `pairs`, through which nothing passes any more."""
    cells = tuple(
        replace(
            cell,
            state=State.CUT,
            dialogues=tuple(
                replace(one, outcome=Outcome.TIMEOUT, evidence="nothing came back") for one in cell.dialogues
            ),
        )
        if (cell.source, cell.destination) in pairs
        else cell
        for cell in table.cells
    )
    return replace(table, cells=cells, cuts=(*table.cuts, *pairs))


def stopped(table: TruthTable, name: str) -> TruthTable:
    """`table` when the node `name` does not run: the node itself, its rows, its name, and its own probe."""
    differences = [Difference(Kind.NODE, name, "", "the container", "running", "exited (137)")]
    for cell in table.cells:
        if name == cell.source and cell.dialogues:
            differences.append(
                Difference(Kind.PROBE, name, cell.destination, "all", "an answer", "no namespace to ask from")
            )
        elif name == cell.destination:
            differences += [
                Difference(
                    Kind.CONNECTION,
                    cell.source,
                    name,
                    f"{one.protocol} {one.ports}",
                    "spoken",
                    "unresolved",
                    one.connection,
                    "no such name",
                )
                for one in cell.dialogues
            ]
    return planted(table, *differences)


def every_kind(table: TruthTable, evidence: str = "") -> TruthTable:
    """The small lab with one difference of every kind, and so with a cell of every state."""
    return planted(
        cut(table, ("api-1", "dc1-rs-1"), ("m-1", "mysql-1")),
        Difference(
            Kind.CONNECTION,
            "api-1",
            "redis-1",
            "redis-1:6379/tcp",
            "redis spoken",
            "refused",
            "13",
            evidence or "connection refused",
        ),
        Difference(
            Kind.PORT,
            "ui-1",
            "mysql-1",
            "10.210.0.18:3306/tcp",
            "closed",
            "open",
            "",
            evidence or "a connection was accepted",
        ),
        Difference(
            Kind.ESCAPE,
            "dc1-guest-1",
            "internet",
            "198.51.100.1:443/tcp",
            "closed",
            "a way",
            "",
            evidence or "time to live exceeded",
        ),
        Difference(
            Kind.NAME,
            "ui-1",
            "rabbitmq-1",
            "rabbitmq-1",
            "no address",
            "10.210.0.34",
            "",
            evidence or "10.210.0.34",
        ),
        Difference(
            Kind.LISTENER, "dc1-nfs-1", "", "0.0.0.0:111/tcp", "nothing", "listens", "", evidence or "rpcbind"
        ),
        Difference(
            Kind.NETWORK, "api-1", "", "10.99.0.2", "no such address", "there", "", evidence or "eth9"
        ),
        Difference(Kind.IPV6, "m-1", "", "addresses", "none", "fe80::1", "", evidence or "fe80::1 on eth0"),
        Difference(
            Kind.RULES, "novnc-1", "", "table inet labgen", "as rendered", "none", "", evidence or "no table"
        ),
        Difference(
            Kind.NODE, "dc1-bpm-1", "", "the container", "healthy", "unhealthy", "", evidence or "exit code 7"
        ),
        Difference(
            Kind.CUT,
            "m-1",
            "mysql-1",
            "mysql-1:3306/tcp",
            "nothing passes",
            "spoken",
            "10",
            evidence or "8.4.0",
        ),
        Difference(
            Kind.PROBE,
            "pcr1-prs-1",
            "pcr1-cloud-1",
            "all",
            "an answer",
            "the probe broke",
            "",
            evidence or "exit 1",
        ),
    )


def many_open(table: TruthTable, sources: Sequence[str], ports: Iterable[int]) -> TruthTable:
    """`table` with all of `ports` open from each of `sources` to everybody that no row lets it reach."""
    names = [node.name for node in table.nodes]
    ports = list(ports)
    return planted(
        table,
        *(
            Difference(Kind.PORT, source, name, f"{name}:{port}/tcp", "closed", "open")
            for source in sources
            for name in names
            for port in ports
            if name != source and not table.by_pair[source, name].dialogues
        ),
    )


def _failed(dialogue: Dialogue, difference: Difference) -> Dialogue:
    if difference.kind is Kind.PROBE:
        return replace(dialogue, outcome=Outcome.FAILED, evidence=difference.evidence)
    if difference.connection != dialogue.connection:
        return dialogue
    outcome = Outcome.SPOKEN if difference.kind is Kind.CUT else Outcome.REFUSED
    return replace(dialogue, outcome=outcome, evidence=difference.evidence)


def _worse(one: State, other: State) -> State:
    return max(one, other, key=list(State).index)
