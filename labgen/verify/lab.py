"""Verifies a lab that runs: gathers what is needed, measures, judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.engine.cuts import cut_tables, cut_wires
from labgen.engine.events import Emit, ignore
from labgen.errors import InvalidInput, LabgenError
from labgen.names import Label
from labgen.nearest import did_you_mean
from labgen.verify.expect import HOST
from labgen.verify.judge import judge
from labgen.verify.looks import Looks
from labgen.verify.places import find_places
from labgen.verify.questions import Wanted
from labgen.verify.run import Subject, measure

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan
    from labgen.verify.places import Places
    from labgen.verify.table import TruthTable

__all__ = ["lab_secrets", "other_labs", "subject_of", "verify_lab", "verify_with", "wanted_pairs"]


def verify_lab(
    engine: Engine, state: LabState, plan: LabPlan, only: str = "", emit: Emit = ignore
) -> TruthTable:
    """Return the truth table of a running lab.

    Raises InvalidInput when `only` names nobody, LabgenError when the lab's secrets are gone.
    """
    with Looks(engine, find_places(engine, state, emit)) as looks:
        return verify_with(looks, engine, state, plan, only)


def verify_with(looks: Looks, engine: Engine, state: LabState, plan: LabPlan, only: str = "") -> TruthTable:
    """Return the truth table of a lab some of whose probes may be begun. Raises as `verify_lab`."""
    subject = subject_of(engine, state, plan, looks.places, wanted_pairs(plan, only))
    questions, measured = measure(subject, looks)
    return judge(
        plan,
        questions,
        measured,
        cuts=cut_tables(state),
        cut_pairs=subject.cuts,
        enforced={name: one.enforced for name, one in looks.places.statuses.items()},
        only=only,
    )


def subject_of(engine: Engine, state: LabState, plan: LabPlan, places: Places, wanted: Wanted) -> Subject:
    """Return what there is to measure. Raises LabgenError when the lab's secrets are gone."""
    running = set(places.running)
    return Subject(
        plan=plan,
        stopped={one.name: places.words_of(one.name) for one in plan.nodes if one.name not in running},
        secrets=lab_secrets(state),
        cuts=frozenset(pair for wire in cut_wires(state) for pair in wire.pairs),
        other_labs=other_labs(engine, plan.name),
        wanted=wanted,
    )


def lab_secrets(state: LabState) -> dict[str, str]:
    """Return the lab's secrets by name, and its CA as `ca`. Raises LabgenError when they are gone."""
    try:
        found = {
            path.name: path.read_text("utf-8")
            for path in (state.folder / "secrets").iterdir()
            if path.is_file() and not path.name.startswith(".")
        }
        return found | {"ca": (state.folder / "tls" / "ca.crt").read_text("utf-8")}
    except OSError as error:
        raise LabgenError(
            f"the secrets of lab '{state.name}' are gone: {error.filename}: {error.strerror}",
            f"`labgen up {state.name}` makes new ones; the lab's servers restart with them.",
        ) from error


def other_labs(engine: Engine, lab: str) -> tuple[str, ...]:
    """Return every address of the nodes of other labs on this engine."""
    found = set()
    for one in engine.containers(Label.LAB):
        if one["Labels"][Label.LAB] != lab:
            networks = (one.get("NetworkSettings") or {}).get("Networks") or {}
            found |= {str(network["IPAddress"]) for network in networks.values() if network.get("IPAddress")}
    return tuple(sorted(found))


def wanted_pairs(plan: LabPlan, only: str) -> Wanted:
    """Return which pairs `A[:B]` means: from A to B; from or to A without a colon; an empty side is all.

    Each is a node, a role, a site, or the host. Raises InvalidInput for anything else, and when no two of
    them are a pair: a lab of which nothing was asked would pass.
    """
    if not only:
        return Wanted()
    first, colon, second = only.partition(":")
    if not colon:
        return Wanted(either=_members(plan, first))
    source = _members(plan, first) if first else None
    destination = _members(plan, second) if second else None
    if source is not None and source == destination and len(source) == 1:
        raise InvalidInput(
            f"--only: '{only}' is no pair: both ends are {next(iter(source))}, and a node is asked of others",
            f"`--only {first}` asks from and to it.",
        )
    return Wanted(source=source, destination=destination)


def _members(plan: LabPlan, text: str) -> frozenset[str]:
    if text == HOST:
        return frozenset({HOST})
    found = frozenset(node.name for node in plan.nodes if text in (node.name, node.role, node.site))
    if not found:
        known = {HOST} | {name for node in plan.nodes for name in (node.name, node.role, node.site)}
        raise InvalidInput(
            f"--only: lab '{plan.name}' has no node, role or site '{text}'{did_you_mean(text, known)}",
            "A:B asks from A to B; A alone from and to A.",
        )
    return found
