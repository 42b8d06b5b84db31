"""Compares what was measured with what the plan says, and fills the truth table. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from labgen.verify.expect import HOST, Expected, expected_dialogues, is_cut, published_dialogues
from labgen.verify.judge_node import NodeJudge
from labgen.verify.judge_ports import Closed, closed_to
from labgen.verify.leaders import leader_of
from labgen.verify.questions import GATEWAYS, INTERNET, OTHER_LABS, Questions, count_of
from labgen.verify.table import Cell, Dialogue, Difference, Kind, Outcome, State, TruthTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.plan.model import LabPlan
    from labgen.verify.look import Look
    from labgen.verify.measurement import Answers, Measurement

__all__ = ["judge"]

#: From harmless to grave: a cell is as bad as the worst of it.
_GRAVITY: Final = (State.CLOSED, State.SPOKEN, State.CUT, State.UNMEASURED, State.MISSING, State.EXTRA)
_STATE: Final = {Kind.CONNECTION: State.MISSING, Kind.PROBE: State.UNMEASURED}


def judge(
    plan: LabPlan,
    questions: Questions,
    measured: Measurement,
    *,
    cuts: Mapping[str, str] | None = None,
    cut_pairs: frozenset[tuple[str, str]] = frozenset(),
    enforced: Mapping[str, str] | None = None,
    only: str = "",
) -> TruthTable:
    """Return the truth table of a measured lab.

    `cuts` is the table of cut wires that each node should have in force, `cut_pairs` what it means, and
    `enforced` who applies each node's rules.
    """
    return _Judge(plan, questions, measured, cut_pairs).table(cuts or {}, enforced or {}, only)


@dataclass(frozen=True)
class _Judge:
    plan: LabPlan
    questions: Questions
    measured: Measurement
    cut_pairs: frozenset[tuple[str, str]]

    def table(self, cuts: Mapping[str, str], enforced: Mapping[str, str], only: str) -> TruthTable:
        names = [*self.plan.node_by_name, HOST]
        nodes = NodeJudge(self.plan, self.questions, self.measured)
        closed = {name: self._closed(name) for name in names}
        promised: dict[tuple[str, str], list[Expected]] = {}
        for one in (*self._expected, *published_dialogues(self.plan)):
            promised.setdefault((one.source, one.destination), []).append(one)
        cells = [
            self._cell(source, destination, promised.get((source, destination), []), closed[source])
            for source in names
            for destination in names
            if source != destination and self.questions.wanted(source, destination)
        ]
        reports = []
        for name in names:
            if self.questions.wanted(name, name):
                ways = [closed[name].get(one, Closed()) for one in (GATEWAYS, INTERNET, OTHER_LABS)]
                reports.append(nodes.report(name, ways, cuts.get(name), enforced.get(name, "")))
            else:
                reports.append(nodes.bare(name, enforced.get(name, "")))
        asked = sum(
            count_of(one.targets) + len(one.names) + len(one.dialogues)
            for one in self.measured.answers.values()
        )
        return TruthTable(
            lab=self.plan.name,
            size=self.plan.size,
            firewall=self.plan.firewall,
            nodes=tuple(reports),
            cells=tuple(cells),
            asked=asked,
            seconds=self.measured.seconds,
            only=only,
            cuts=tuple(sorted(self.cut_pairs)),
        )

    @cached_property
    def _expected(self) -> list[Expected]:
        return expected_dialogues(self.plan)

    @cached_property
    def _looks(self) -> dict[str, Look]:
        return {name: one.look for name, one in self.measured.answers.items() if one.look is not None}

    def _answers(self, name: str) -> Answers | None:
        return self.measured.answers.get(name)

    def _closed(self, source: str) -> dict[str, Closed]:
        """Return what became of everything that must be closed to `source`, by destination."""
        answers = self._answers(source)
        if answers is None or answers.look is None:
            return {}
        found: dict[str, Closed] = {}
        for index, target in enumerate(answers.targets):
            if answers.broke and target.sent and index not in answers.sweep:
                continue  # said once, by the report of the participant
            one = closed_to(
                source,
                target,
                answers.sweep.get(index),
                answers.look,
                firewall=self.plan.firewall,
                cut=(source, target.destination) in self.cut_pairs,
            )
            before = found.get(target.destination, Closed())
            found[target.destination] = before + one
        return found

    def _cell(
        self, source: str, destination: str, promised: list[Expected], closed: Mapping[str, Closed]
    ) -> Cell:
        dialogues = tuple(
            replace(self._dialogue(one), follows=self._follows(one))
            if one.connection.leader
            else self._dialogue(one)
            for one in promised
        )
        ports = closed.get(destination, Closed())
        cut = (source, destination) in self.cut_pairs
        spoken = zip(dialogues, map(self._is_cut, promised), strict=True)
        differences = [*self._spoken(source, destination, spoken), *ports.differences]
        differences += self._name(source, destination)
        states = [_STATE.get(one.kind, State.EXTRA) for one in differences]
        if self._is_unmeasured(source):
            states.append(State.UNMEASURED)
        elif cut and promised:
            states.append(State.CUT)
        elif promised:
            states.append(State.SPOKEN)
        return Cell(
            source,
            destination,
            max(states, key=_GRAVITY.index, default=State.CLOSED),
            dialogues,
            tuple(sorted(ports.counts)),
            tuple(differences),
        )

    def _is_unmeasured(self, source: str) -> bool:
        answers = self._answers(source)
        return answers is None or bool(answers.broke)

    def _dialogue(self, one: Expected) -> Dialogue:
        answers = self._answers(one.source)
        found: Mapping[str, Any] = answers.dialogues.get(one.id, {}) if answers else {}
        row = one.connection
        known = {str(outcome) for outcome in Outcome}
        outcome = str(found.get("outcome", Outcome.FAILED))
        return Dialogue(
            connection=row.id,
            protocol=row.protocol,
            ports=row.ports,
            provenance=str(row.provenance),
            reference=row.reference,
            purpose=row.purpose,
            outcome=Outcome(outcome) if outcome in known else Outcome.FAILED,
            evidence=str(found.get("evidence", "it was not asked")),
            ms=float(found.get("ms", 0.0)),
        )

    def _spoken(
        self, source: str, destination: str, dialogues: Iterable[tuple[Dialogue, bool]]
    ) -> Iterator[Difference]:
        """Yield what is wrong with documented connections of a pair; with each, whether its wire is cut."""
        if self._is_unmeasured(source):
            return  # said once, by the report of the source
        for one, cut in dialogues:
            if one.follows:
                continue
            fact = (source, destination, f"{one.protocol} {one.ports}")
            works = one.outcome in (Outcome.SPOKEN, Outcome.OPEN)
            if one.outcome is Outcome.FAILED and not cut:
                yield Difference(
                    Kind.PROBE, *fact, "an answer", "the probe broke", one.connection, one.evidence
                )
            elif works and cut:
                yield Difference(
                    Kind.CUT, *fact, "silence: cut", str(one.outcome), one.connection, one.evidence
                )
            elif not works and not cut:
                yield Difference(
                    Kind.CONNECTION, *fact, "spoken", str(one.outcome), one.connection, one.evidence
                )

    def _is_cut(self, one: Expected) -> bool:
        return is_cut(self.plan, self._looks, self.cut_pairs, one)

    def _follows(self, promised: Expected) -> bool:
        """Return whether `promised` is refused by right: all, its destination too, reach one leader."""
        if self._dialogue(promised).outcome is not Outcome.REFUSED:
            return False
        row = [one for one in self._expected if one.connection.id == promised.connection.id]
        leader = leader_of(row, lambda one: self._dialogue(one).outcome)
        return leader not in ("", promised.destination)

    def _name(self, source: str, destination: str) -> Iterator[Difference]:
        """Yield what is wrong with how `source` resolves the name of `destination`."""
        answers = self._answers(source)
        if answers is None or answers.broke or destination not in answers.names:
            return
        found = answers.names[destination]
        addresses = sorted(map(str, found.get("addresses", ())))
        fact = (source, destination, f"name {destination}")
        expected = self.questions.name_of(source, destination)
        if found.get("fault"):
            yield Difference(Kind.PROBE, *fact, "an answer", "the resolver broke", "", str(found["fault"]))
        elif addresses and not expected:
            yield Difference(Kind.NAME, *fact, "unknown", ", ".join(addresses))
        elif expected and not (addresses and set(addresses) <= set(expected)):
            if destination in self.measured.stopped:
                return  # the engine forgets the name of a node that does not run; that is said already
            wanted = " or ".join(expected)
            seen = ", ".join(addresses) or "unknown"
            yield Difference(Kind.NAME, *fact, wanted, seen, "", str(found.get("error", "")))
