"""`labgen up` and `labgen down`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labgen.cli.options import (
    FileOption,
    LabArgument,
    NameArgument,
    SetOption,
    SizeOption,
    TimeoutOption,
    read_spec,
)
from labgen.cli.output import note, print_text
from labgen.cli.progress import Progress, shown

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.engine.up import UpResult
    from labgen.plan.spec import LabSpec

__all__ = ["register"]

_DEFAULT_SIZE = "small"
ProgressOption = Annotated[
    Progress, typer.Option("--progress", help="How to show progress.", envvar="LABGEN_PROGRESS")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(down)


def up(
    name: NameArgument = None,
    size: SizeOption = None,
    file: FileOption = None,
    sets: SetOption = None,
    timeout: TimeoutOption = 180,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every node is healthy.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and change nothing.")
    ] = False,
    no_firewall: Annotated[
        bool,
        typer.Option("--no-firewall", help="Links only: nodes on one link reach each other's every port."),
    ] = False,
    progress: ProgressOption = Progress.AUTO,
) -> None:
    """Bring a lab up, or repair one: build what is missing, start what does not run, wait for health.

    Without --size and --file a lab that is known keeps what was asked for, but for what --set changes.
    """
    from labgen.engine.client import connect
    from labgen.engine.state import lab_state
    from labgen.engine.up import up as bring_up
    from labgen.plan.parse import check_name
    from labgen.verify.places import bring_program

    if no_firewall:
        sets = [*(sets or ()), "firewall=false"]
    spec, name = _wanted(name, size, file, sets)
    check_name(name)
    engine = connect(compose=True)
    if dry_run:
        _dry_run(engine, name, spec)
        return
    try:
        with shown(progress) as emit:
            result = bring_up(
                engine,
                name,
                spec,
                timeout=timeout,
                wait=wait,
                emit=emit,
                # So that the first `verify` takes no longer than all others.
                meanwhile=lambda: bring_program(engine, lab_state(name)),
            )
    except KeyboardInterrupt:
        note(
            f"labgen: interrupted. What was started stays: `labgen up {name}` goes on, "
            f"`labgen down {name}` removes it."
        )
        raise
    _summary(result, waited=wait)


def _wanted(name: str | None, size: str | None, file: object, sets: list[str] | None) -> tuple[LabSpec, str]:
    from labgen.catalogue.load import default_catalogue
    from labgen.engine.state import lab_state
    from labgen.plan.parse import check_spec

    known: LabSpec | None = None
    if not (size or file):
        name = name or _DEFAULT_SIZE
        catalogue = default_catalogue()
        state = lab_state(name)
        remembered = state.recall()
        if remembered is not None:
            known = check_spec(catalogue, remembered, str(state.folder / "lab.json"))
        elif name in catalogue.sizes:
            size = name
    spec = read_spec(file, sets, size, known)  # type: ignore[arg-type]  # a path, or None
    return spec, name or spec.size


def _dry_run(engine: Engine, name: str, spec: LabSpec) -> None:
    from labgen.engine.build import missing_images
    from labgen.engine.observe import observe
    from labgen.engine.up import check_room, lab_images, resolve

    plan, notes = resolve(engine, name, spec)
    missing = missing_images(engine, lab_images(plan))
    check_room(engine, plan, missing)
    running = observe(engine, name)
    wanted = plan.node_by_name
    lines = [f"image {image.name}: would be built" for image in missing]
    lines += [f"node {one}: would be created" for one in wanted if one not in running]
    lines += [f"node {one}: {running[one].state}" for one in wanted if one in running]
    lines += [f"node {one}: would be removed" for one in running if one not in wanted]
    print_text("\n".join([*lines, f"{len(plan.links)} links in {plan.supernet}", *notes]))


def _summary(result: UpResult, *, waited: bool) -> None:
    from labgen.cli.options import Format
    from labgen.cli.output import print_rows
    from labgen.engine.cuts import cut_wires
    from labgen.engine.state import lab_state

    plan = result.plan
    for line in result.notes:
        note(line)
    how = "healthy" if waited else "started"
    note(f"lab '{plan.name}': {len(plan.nodes)} nodes {how} in {result.seconds:.1f} s\n")
    rows = [
        {
            "what": one.title or f"{one.node} {one.name}",
            "where": one.url.format(address=one.address) if one.url else one.address,
        }
        for one in plan.published
    ]
    state = lab_state(plan.name)
    if wires := cut_wires(state):
        count = "1 wire is" if len(wires) == 1 else f"{len(wires)} wires are"
        note(f"{count} cut; `labgen heal --lab {plan.name}` plugs everything in again\n")
    rows += [
        {
            "what": "credentials",
            "where": f"labgen credentials {plan.name}   (files in {state.folder / 'secrets'})",
        },
        {"what": "certificate of the lab's CA", "where": f"labgen ca {plan.name}"},
        {"what": "next", "where": f"labgen status {plan.name}"},
    ]
    print_rows(rows, Format.TABLE, {"what": "WHAT", "where": "WHERE"})


def down(
    name: LabArgument = None,
    all_labs: Annotated[bool, typer.Option("--all", help="Every lab.", envvar="LABGEN_DOWN_ALL")] = False,
    keep_volumes: Annotated[
        bool, typer.Option("--keep-volumes", help="Keep the data, and the secrets that open it.")
    ] = False,
    timeout: TimeoutOption = 120,
    progress: ProgressOption = Progress.AUTO,
) -> None:
    """Remove a lab: its containers, networks, volumes and files."""
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.down import down as take_down
    from labgen.engine.down import known_labs

    engine = connect(compose=keep_volumes)
    labs = known_labs(engine)
    if not labs and name is None:
        note("there is no lab; nothing to do")
        return
    for one in labs if all_labs else [find_lab(engine, name)]:
        with shown(progress) as emit:
            take_down(engine, one, keep_volumes=keep_volumes, timeout=timeout, emit=emit)
        note(f"lab '{one}' is gone" + (", its data is kept" if keep_volumes else ""))
