"""`labgen drill`: cut every wire in turn, or hit nodes, and see who notices and what users feel."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from labgen.cli.options import Format, FormatOption, LabOption
from labgen.cli.output import note, print_json, print_rows
from labgen.cli.wires import EndArgument

if TYPE_CHECKING:
    from labgen.engine.cuts import Wire
    from labgen.plan.model import LabPlan

__all__ = ["register"]


class Fault(StrEnum):
    """What a drill does: to wires, or to nodes."""

    CUT = "cut"
    KILL = "kill"
    STOP = "stop"
    PAUSE = "pause"
    RESTART = "restart"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(drill)


def drill(
    source: EndArgument = None,
    destination: EndArgument = None,
    kind: Annotated[
        Fault,
        typer.Option(
            help="What is done: `cut` to the wire of two nodes, all else to nodes.",
            envvar="LABGEN_DRILL_KIND",
        ),
    ] = Fault.CUT,
    each: Annotated[
        bool, typer.Option("--each", help="Every node but the actors in turn; with `cut`, every wire.")
    ] = False,
    lab: LabOption = None,
    window: Annotated[
        Optional[float],
        typer.Option(
            help="How long each wire stays cut; without it 6, and longer for many nodes.",
            metavar="SECONDS",
            min=1,
            max=600,
            envvar="LABGEN_DRILL_WINDOW",
        ),
    ] = None,
    within: Annotated[
        Optional[float],
        typer.Option(
            help="How long all may take to be well again afterwards; without it 40, after a server 120.",
            metavar="SECONDS",
            min=1,
            max=3600,
            envvar="LABGEN_DRILL_WITHIN",
        ),
    ] = None,
    html: Annotated[
        Optional[Path],
        typer.Option(
            help="Write one self-contained page there too: a matrix of wires and nodes, and what was said.",
            metavar="FILE",
            dir_okay=False,
            envvar="LABGEN_DRILL_HTML",
        ),
    ] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Cut every wire of a healthy lab in turn, or one; show who notices, how soon, and what users feel.

    A node notices when its own health check fails. Meanwhile users read and write through the published port.
    Each wire is healed before the next is cut, and before labgen ends, whatever ends it. Exit code 0:
    everybody recovered, and every write that was accepted is there. 1: not so.

    With another --kind: do that to a node, to two at once, or to each in turn, while users go on. Shows how
    long they were affected, and whether a write is lost that was accepted. Exit code 1 if so, or if it took
    longer than it may, or somebody did not come back.
    """
    if kind is not Fault.CUT:
        _hit(kind, [one for one in (source, destination) if one], lab, html, style, each=each, within=within)
        return
    from labgen.cli.progress import Progress, shown
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state
    from labgen.errors import LabgenError
    from labgen.verify.drill_lab import drill_lab
    from labgen.verify.report.drill_document import drill_document
    from labgen.verify.report.drill_html import drill_html
    from labgen.verify.report.drill_text import COLUMNS, drill_rows, drill_sentence

    engine = connect()
    name = find_lab(engine, lab)
    state = lab_state(name)
    plan = plan_of_lab(state)
    wires = _chosen(plan, source, destination)
    try:
        with shown(Progress.AUTO) as emit:
            done = drill_lab(engine, state, plan, wires, window=window, within=within, emit=emit)
    except KeyboardInterrupt:
        note(f"labgen: interrupted; what was cut is healed, and `labgen cut --lab {name}` shows it")
        raise
    if style is Format.JSON:
        print_json(drill_document(done))
    else:
        print_rows(drill_rows(done), style, COLUMNS)
    if html:
        _write(html, drill_html(done, plan))
    if done.fault:
        raise LabgenError(
            done.fault, f"`labgen status {name}` shows its nodes, `labgen up {name}` repairs it."
        )
    note(drill_sentence(done))


def _chosen(plan: LabPlan, source: str | None, destination: str | None) -> list[Wire]:
    """Return the wires to cut. Raises InvalidInput when there is no such one."""
    from labgen.cli.wires import _wires
    from labgen.errors import InvalidInput
    from labgen.verify.drill import wires_of

    if (source is None) != (destination is None):
        raise InvalidInput(
            f"a wire has two ends, and only {source or destination} is named",
            "Name the other one too, or none of them for every wire.",
        )
    return _wires(plan, source, destination, None, None) or wires_of(plan)


def _write(path: Path, text: str) -> None:
    from labgen.errors import LabgenError
    from labgen.render.files import write_file

    try:
        write_file(path, text, 0o644)
    except OSError as error:
        raise LabgenError(f"{path}: cannot be written: {error.strerror}", "Name another file.") from error


def _hit(
    kind: Fault,
    names: list[str],
    lab: str | None,
    html: Path | None,
    style: Format,
    *,
    each: bool,
    within: float | None,
) -> None:
    from labgen.cli.progress import Progress, shown
    from labgen.cli.target import find_lab, find_nodes
    from labgen.engine.client import connect
    from labgen.engine.observe import observe
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state
    from labgen.errors import InvalidInput, LabgenError
    from labgen.verify.faults import Kind
    from labgen.verify.faults_lab import hit_lab
    from labgen.verify.lab import lab_secrets
    from labgen.verify.report.faults import COLUMNS, faults_document, faults_rows, faults_sentence

    if html:
        raise InvalidInput("--html shows wires", f"--format json has what `--kind {kind}` finds.")
    if each == bool(names):
        raise InvalidInput(
            "name the node to hit, or two for both at once, or --each for all in turn",
            f"`labgen drill api-1 --kind {kind}`, for example.",
        )
    engine = connect()
    name = find_lab(engine, lab)
    state = lab_state(name)
    plan = plan_of_lab(state)
    chosen = tuple(one.name for one in find_nodes(observe(engine, name), names, name))
    groups = [(one.name,) for one in plan.nodes if not one.actor] if each else [chosen]
    with shown(Progress.AUTO) as emit:
        done = hit_lab(engine, plan, lab_secrets(state), groups, Kind(kind.value), within=within, emit=emit)
    if style is Format.JSON:
        print_json(faults_document(done))
    else:
        print_rows(faults_rows(done), style, COLUMNS)
    if done.fault:
        raise LabgenError(
            done.fault, f"`labgen status {name}` shows its nodes, `labgen up {name}` repairs it."
        )
    note(faults_sentence(done))
