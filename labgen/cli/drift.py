"""`labgen drift`: what differs between a running lab and its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.cli.options import Format, FormatOption, LabArgument
from labgen.cli.output import note, print_json, print_rows

if TYPE_CHECKING:
    import typer

    from labgen.engine.drift_model import Drift

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(drift)


def drift(lab: LabArgument = None, style: FormatOption = Format.TABLE) -> None:
    """Show what of a running lab is not as planned: containers, networks, files, and inside every node.

    Changes nothing. Inside a node only addresses, listeners and rules are looked at; `labgen verify` asks
    every port. Exit code 0: nothing differs. 5: something does.
    """
    from labgen.cli.progress import Progress, shown
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.drift import find_drift
    from labgen.engine.drift_model import DriftKind
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state
    from labgen.verify.glance import drifts_inside, glance

    engine = connect()
    name = find_lab(engine, lab)
    state = lab_state(name)
    plan = plan_of_lab(state)
    with shown(Progress.AUTO) as emit:
        outside = find_drift(engine, state, plan)
        found = [*outside, *drifts_inside(name, glance(engine, state, plan, emit), outside)]
    order = list(DriftKind)
    found.sort(key=lambda one: order.index(one.kind))
    _print(name, found, style)
    _conclude(name, found)


def _print(lab: str, found: list[Drift], style: Format) -> None:
    rows = [
        {
            "kind": str(one.kind),
            "where": one.where,
            "expected": one.expected,
            "found": one.found,
            "repair": one.repair,
            "up": one.up,
        }
        for one in found
    ]
    if style is Format.JSON:
        print_json({"lab": lab, "equal": not rows, "drifts": rows})
    elif rows:
        columns = ("kind", "where", "expected", "found", "repair")
        print_rows(rows, style, {key: key.upper() for key in columns})
    else:
        note(f"lab '{lab}' is as planned: its containers, networks and files, and every node from inside")


def _conclude(lab: str, found: list[Drift]) -> None:
    """Raise what the result comes to: nothing, a difference, or that nothing is known."""
    from labgen.engine.drift_model import DriftKind
    from labgen.errors import Difference, LabgenError

    if not found:
        return
    if all(one.kind is DriftKind.PROBE for one in found):
        say = "1 of its nodes says" if len(found) == 1 else f"{len(found)} of its nodes say"
        raise LabgenError(
            f"lab '{lab}' could not be looked at from inside: {say} nothing",
            "`labgen doctor` says whether the engine is well; `labgen drift` looks again.",
        )
    mends = sum(one.up for one in found)
    count = "1 thing" if len(found) == 1 else f"{len(found)} things"
    raise Difference(
        f"lab '{lab}' is not as planned: {count}, of which `labgen up {lab}` mends {mends}",
        "The last column says what mends each.",
    )
