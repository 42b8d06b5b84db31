"""`labgen smoke`: the platform's whole journey, made as a user of the lab would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labgen.cli.options import Format, FormatOption, LabArgument
from labgen.cli.output import note, print_json, print_rows

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.plan.model import LabPlan
    from labgen.smoke.model import Step, Trip

__all__ = ["register"]

_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(smoke)


def smoke(
    lab: LabArgument = None,
    load: Annotated[
        int,
        typer.Option(
            help="Deploy so many machines instead, see each running, and undeploy it again.",
            metavar="N",
            min=0,
            max=100_000,
            envvar="LABGEN_SMOKE_LOAD",
        ),
    ] = 0,
    concurrency: Annotated[
        int,
        typer.Option(
            help="How many of them at a time.", metavar="C", min=1, max=500, envvar="LABGEN_SMOKE_CONCURRENCY"
        ),
    ] = 10,
    seconds: Annotated[
        float,
        typer.Option(
            help="How long each single wait may take.",
            metavar="SECONDS",
            min=1,
            max=3600,
            envvar="LABGEN_SMOKE_SECONDS",
        ),
    ] = _SECONDS,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make the platform's whole journey on a running lab, as a user would, and show what it crossed.

    Log in, open the event stream, deploy a machine in every datacenter and region, wait for its event, look
    at its screen, switch it off, undeploy it, remove it. Exit code 1 names the step that failed, and the
    server at fault. With --load every machine is accounted for.
    """
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state
    from labgen.verify.lab import lab_secrets

    engine = connect()
    state = lab_state(find_lab(engine, lab))
    plan, secrets = plan_of_lab(state), lab_secrets(state)
    if load:
        _load(plan, secrets, load, concurrency, seconds, style)
    else:
        _journey(engine, plan, secrets, seconds, style)


def _journey(engine: Engine, plan: LabPlan, secrets: dict[str, str], seconds: float, style: Format) -> None:
    from labgen.errors import LabgenError
    from labgen.smoke.report import (
        COLUMNS,
        fault_sentence,
        journey_document,
        journey_rows,
        journey_sentence,
    )
    from labgen.smoke.run import smoke_lab

    def tell(step: Step) -> None:
        note(f"{step.ms / 1000:6.2f}s {step.site}: {step.title}: {step.seen}")

    journey = smoke_lab(engine, plan, secrets, seconds=seconds, tell=tell)
    if style is Format.JSON:
        print_json(journey_document(journey))
    else:
        print_rows(journey_rows(journey), style, COLUMNS)
    if journey.fault is not None:
        raise LabgenError(
            fault_sentence(journey.fault),
            f"`labgen status {plan.name}` shows its nodes, `labgen logs` what they say.",
        )
    note(journey_sentence(journey))


def _load(
    plan: LabPlan, secrets: dict[str, str], number: int, concurrency: int, seconds: float, style: Format
) -> None:
    from labgen.errors import LabgenError
    from labgen.smoke.model import StepFailed
    from labgen.smoke.report import load_document, load_sentence
    from labgen.smoke.run import load_lab

    def tell(trip: Trip) -> None:
        if trip.error:
            note(f"{trip.label} at {trip.site}: {trip.error}{f' ({trip.fault})' if trip.fault else ''}")

    try:
        load = load_lab(plan, secrets, number=number, concurrency=concurrency, seconds=seconds, tell=tell)
    except StepFailed as error:
        at = f", at fault: {error.fault}" if error.fault else ""
        raise LabgenError(
            f"lab '{plan.name}': no machine can be deployed: {error.message}{at}",
            f"`labgen smoke {plan.name}` shows which step fails.",
        ) from error
    if style is Format.JSON:
        print_json(load_document(load))
    if load.failed or load.left:
        raise LabgenError(load_sentence(load), f"`labgen status {plan.name}` shows its nodes.")
    note(load_sentence(load))
