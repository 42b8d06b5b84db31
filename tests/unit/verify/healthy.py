"""A lab that was measured and is as it should be: every answer that probes of such a lab give.

Tests change single answers and look what the judge makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from labgen.render.firewall import firewall_of
from labgen.verify.expect import HOST, expected_dialogues, published_dialogues
from labgen.verify.judge import judge
from labgen.verify.look import Listener, Look
from labgen.verify.measurement import Answers, Measurement
from labgen.verify.questions import Questions, Wanted

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan, Node
    from labgen.verify.table import TruthTable

__all__ = ["Lab", "look_of"]


def look_of(plan: LabPlan, node: Node) -> Look:
    """Return what a probe sees in `node`."""
    links = [plan.link_by_name[one.link] for one in node.interfaces]
    public = any(node.name in one.nodes for one in plan.published)
    # The first of those that share an address has it.
    shared = [one for one, virtual in plan.virtual_addresses.items() if virtual.role == node.role]
    rows = [row for row in plan.connections if row.destination == node.role]
    return Look(
        listeners=tuple(sorted({Listener(row.transport, row.port, "0.0.0.0") for row in rows})),  # noqa: S104
        addresses=(
            *(one.address for one in node.interfaces),
            *(shared if node.number == 1 else []),
            *([str(plan.public_subnet.network_address + 1 + node.number)] if public else []),
        ),
        ipv6=(),
        on_link=(*(link.subnet for link in links), *([plan.public_subnet] if public else [])),
        way_out=public,
        rules={"labgen": firewall_of(plan, node) if plan.firewall else None, "labgen_cuts": None},
    )


@dataclass
class Lab:
    """Answers of a healthy lab, to be changed before `table` judges them."""

    plan: LabPlan
    other_labs: tuple[str, ...] = ("10.211.0.18",)
    wanted: Wanted = field(default_factory=Wanted)
    looks: dict[str, Look] = field(init=False)
    answers: dict[str, Answers] = field(init=False)
    stopped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        gateway = str(self.plan.public_subnet.network_address + 1)
        host = Look(
            (),
            ("192.168.7.7", gateway),
            (),
            (IPv4Network("192.168.7.0/24"), self.plan.public_subnet),
            True,
            {"labgen": None, "labgen_cuts": None},
        )
        self.looks = {node.name: look_of(self.plan, node) for node in self.plan.nodes} | {HOST: host}
        self.ask()

    @property
    def questions(self) -> Questions:
        canaries = {str(self.plan.public_subnet.network_address + 1): 40404}
        return Questions(self.plan, self.looks, self.other_labs, canaries, self.wanted)

    def ask(self) -> None:
        """Ask everything, as the looks now are, and answer as a healthy lab does."""
        questions = self.questions
        self.answers = {}
        for name, look in self.looks.items():
            targets = questions.targets(name)
            answer = "refused" if self.plan.firewall else "unreachable"
            sweep: dict[int, Mapping[str, Any]] = {
                index: {
                    "address": one.address,
                    "tcp": {answer if one.near or look.way_out else "unreachable": one.tcp},
                    "udp": {answer if one.near or look.way_out else "unreachable": one.udp},
                }
                for index, one in enumerate(targets)
                if one.sent
            }
            names: dict[str, Mapping[str, Any]] = {
                other: {"addresses": questions.name_of(name, other)[:1]} for other in questions.names(name)
            }
            self.answers[name] = Answers(look=look, targets=targets, sweep=sweep, names=names)
        for one in (*expected_dialogues(self.plan), *published_dialogues(self.plan)):
            self.answers[one.source].dialogues[one.id] = {"outcome": "spoken", "evidence": "ok", "ms": 1.0}

    def look(self, node: str, **changes: Any) -> None:
        """Change what is seen in `node`, and ask again."""
        self.looks[node] = replace(self.looks[node], **changes)
        self.ask()

    def found(self, source: str, destination: str, port: int, outcome: str, transport: str = "tcp") -> None:
        """Let `source` find a port that must be closed in another state, at every near address."""
        for index, target in enumerate(self.answers[source].targets):
            if target.destination == destination and index in self.answers[source].sweep:
                result = dict(self.answers[source].sweep[index])
                result[transport] = {outcome: str(port), **result[transport]}
                self.answers[source].sweep[index] = result

    def table(self, **how: Any) -> TruthTable:
        """Return what the judge makes of it."""
        measured = Measurement(self.answers, self.stopped, {}, 1.5)
        return judge(self.plan, self.questions, measured, **how)
