"""Looks around inside every node, and asks nothing: addresses, listeners, rules. A matter of seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from labgen.engine.cuts import cut_tables
from labgen.engine.drift_model import Drift, DriftKind
from labgen.engine.events import Emit, ignore
from labgen.verify.judge_node import NodeJudge
from labgen.verify.looks import Looks
from labgen.verify.measurement import Measurement
from labgen.verify.places import find_places
from labgen.verify.questions import Questions
from labgen.verify.table import Difference, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan

__all__ = ["drifts_inside", "glance", "judge_looks"]

_KINDS: Final = {
    Kind.NETWORK: DriftKind.ADDRESS,
    Kind.LISTENER: DriftKind.LISTENER,
    Kind.RULES: DriftKind.RULES,
    Kind.CUT: DriftKind.CUT,
    Kind.IPV6: DriftKind.IPV6,
    Kind.PROBE: DriftKind.PROBE,
}


def glance(engine: Engine, state: LabState, plan: LabPlan, emit: Emit = ignore) -> list[Difference]:
    """Return what differs inside the nodes that run: a look from each node's network namespace.

    A second one where somebody listens whom no row explains. A probe that breaks is a difference of its own
    kind. Raises what building the probe's image raises.
    """
    with Looks(engine, find_places(engine, state, emit)) as looks:
        names = [name for name in looks.places.running if name in plan.node_by_name]
        looks.begin(names)
        answers = {name: looks.answers(name) for name in names}
        for name in names:
            looks.look_again(plan, name)
        measured = Measurement(answers, {}, {}, time.monotonic() - looks.since)
        enforced = {name: one.enforced for name, one in looks.places.statuses.items()}
    return judge_looks(plan, measured, cut_tables(state), enforced)


def judge_looks(
    plan: LabPlan, measured: Measurement, cuts: Mapping[str, str], enforced: Mapping[str, str]
) -> list[Difference]:
    """Return what differs in what was seen, node by node; `cuts` as the whole judge takes them."""
    judge = NodeJudge(plan, Questions(plan, {}), measured)
    return [
        one
        for name in measured.answers
        for one in judge.report(name, (), cuts.get(name), enforced.get(name, "")).differences
    ]


def drifts_inside(lab: str, differences: Iterable[Difference], known: Sequence[Drift] = ()) -> list[Drift]:
    """Return `differences` as drifts, without addresses that `known` ones of the same node explain."""
    said = {
        word.removesuffix(",")
        for one in known
        if one.kind is DriftKind.ATTACHMENT
        for word in f"{one.expected} {one.found}".split()
    }
    found = []
    for one in differences:
        explained = one.kind is Kind.NETWORK and not said.isdisjoint(one.question.split())
        if one.kind in _KINDS and not explained:
            restart = f"`labgen restart {one.source} --lab {lab}`"
            repair = "" if one.kind is Kind.PROBE else restart
            seen = f"{one.found}: {one.evidence}" if one.evidence else one.found
            found.append(
                Drift(
                    _KINDS[one.kind],
                    one.source,
                    f"{one.question}: {one.expected}",
                    seen,
                    repair,
                    up=False,
                )
            )
    order = list(DriftKind)
    return sorted(found, key=lambda one: order.index(one.kind))
