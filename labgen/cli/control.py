"""`labgen stop`, `labgen start`, `labgen restart`: the power buttons of a lab or of single nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from labgen.cli.options import LabOption, NodesArgument, TimeoutOption
from labgen.cli.output import note
from labgen.cli.progress import Progress, shown

__all__ = ["register"]

WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the nodes are healthy.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(stop)
    app.command()(start)
    app.command()(restart)


def stop(nodes: NodesArgument = None, lab: LabOption = None) -> None:
    """Stop nodes, or the whole lab; data and addresses stay."""
    _turn("stop", nodes, lab, 120, wait=False)


def start(
    nodes: NodesArgument = None, lab: LabOption = None, timeout: TimeoutOption = 180, wait: WaitOption = True
) -> None:
    """Start nodes that were stopped, or the whole lab."""
    _turn("start", nodes, lab, timeout, wait=wait)


def restart(
    nodes: NodesArgument = None, lab: LabOption = None, timeout: TimeoutOption = 180, wait: WaitOption = True
) -> None:
    """Stop nodes, or the whole lab, and start them again."""
    _turn("restart", nodes, lab, timeout, wait=wait)


def _turn(action: str, nodes: list[str] | None, lab: str | None, timeout: float, *, wait: bool) -> None:
    from labgen.cli.target import find_lab, find_nodes
    from labgen.engine.client import connect
    from labgen.engine.observe import observe
    from labgen.engine.power import turn

    engine = connect()
    name = find_lab(engine, lab)
    chosen = [one.name for one in find_nodes(observe(engine, name), nodes, name)]
    with shown(Progress.AUTO) as emit:
        turn(engine, name, action, chosen, timeout=timeout, wait=wait, emit=emit)
    note(f"lab '{name}': {action} of {len(chosen)} node{'' if len(chosen) == 1 else 's'} done")
