"""Looks around inside every node, and asks nothing: addresses, listeners, rules. A matter of seconds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from labgen.assets import images_dir
from labgen.engine.build import build_images, missing_images
from labgen.engine.cuts import cut_tables
from labgen.engine.drift_model import Drift, DriftKind
from labgen.engine.events import Emit, ignore
from labgen.engine.observe import RUNNING, observe
from labgen.engine.stock import shipped_images
from labgen.images import image_tags
from labgen.verify.inside import programs_inside
from labgen.verify.judge_node import NodeJudge
from labgen.verify.look import read_look
from labgen.verify.measurement import Answers, Measurement
from labgen.verify.questions import Questions
from labgen.verify.session import PROBE_IMAGE, Probe, ProbeBroke
from labgen.verify.table import Difference, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan

__all__ = ["drifts_inside", "glance", "judge_looks"]

_PARALLEL: Final = 8
_SECONDS: Final = 30  # for one probe; a look takes a fraction of one
_KINDS: Final = {
    Kind.NETWORK: DriftKind.ADDRESS,
    Kind.LISTENER: DriftKind.LISTENER,
    Kind.RULES: DriftKind.RULES,
    Kind.CUT: DriftKind.CUT,
    Kind.IPV6: DriftKind.IPV6,
    Kind.PROBE: DriftKind.PROBE,
}


def glance(engine: Engine, state: LabState, plan: LabPlan, emit: Emit = ignore) -> list[Difference]:
    """Return what differs inside the nodes that run: one look from each node's network namespace.

    A probe that breaks is a difference of its own kind. Raises what building the probe's image raises.
    """
    build_images(engine, missing_images(engine, shipped_images([PROBE_IMAGE])), emit)
    running = observe(engine, plan.name)
    networks = {
        name: running[name].network
        for name in plan.node_by_name
        if name in running and running[name].state in RUNNING
    }
    image = image_tags(images_dir())[PROBE_IMAGE]
    programs = programs_inside(engine, plan.name, image, (running[name] for name in networks))
    started = time.monotonic()
    with ThreadPoolExecutor(_PARALLEL) as pool:
        answers = pool.map(
            lambda name: _look(engine, plan.name, image, networks[name], programs.get(name, "")), networks
        )
        looks = dict(zip(networks, answers, strict=True))
    measured = Measurement(looks, {}, {}, time.monotonic() - started)
    enforced = {name: one.enforced for name, one in running.items()}
    return judge_looks(plan, measured, cut_tables(state), enforced)


def _look(engine: Engine, lab: str, image: str, network: str, program: str) -> Answers:
    answers = Answers()
    try:
        with Probe(engine, lab, image, network, seconds=_SECONDS, program=program) as probe:
            answers.look = read_look(probe.ask({"op": "look"}))
    except ProbeBroke as error:
        answers.broke = str(error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        answers.broke = f"the probe's answer is not readable: {type(error).__name__} {error}"
    return answers


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
