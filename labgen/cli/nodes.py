"""`labgen logs`, `labgen exec`, `labgen shell`: work with single nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from labgen.cli.options import LabOption, NodesArgument, _nodes

__all__ = ["register"]

NodeArgument = Annotated[str, typer.Argument(help="The node.", autocompletion=_nodes)]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(logs)
    passing = {"allow_interspersed_args": False, "ignore_unknown_options": True}
    app.command("exec", context_settings=passing)(execute)
    app.command()(shell)


def logs(
    nodes: NodesArgument = None,
    lab: LabOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new lines come.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", help="The last lines of each node.", min=0)] = 100,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="The time of each line.")] = False,
) -> None:
    """Show what nodes wrote, each line behind its node's name."""
    from labgen.cli.target import find_lab, find_nodes
    from labgen.engine.attach import show_logs
    from labgen.engine.client import connect
    from labgen.engine.observe import observe

    engine = connect()
    name = find_lab(engine, lab)
    chosen = find_nodes(observe(engine, name), nodes, name)
    raise typer.Exit(show_logs(engine, chosen, follow=follow, tail=tail, timestamps=timestamps))


def execute(
    node: NodeArgument,
    command: Annotated[list[str], typer.Argument(help="The program and its arguments.")],
    lab: LabOption = None,
    root: Annotated[
        bool, typer.Option("--root", help="As root without capabilities, not as the server's user.")
    ] = False,
) -> None:
    """Run a program in a node; its exit code is labgen's. Options of labgen come before the node."""
    _attach(lab, node, command, root=root)


def shell(
    node: NodeArgument,
    lab: LabOption = None,
    root: Annotated[
        bool, typer.Option("--root", help="As root without capabilities, not as the server's user.")
    ] = False,
) -> None:
    """Open a shell in a node."""
    _attach(lab, node, ["bash"], root=root)


def _attach(lab: str | None, node: str, command: list[str], *, root: bool) -> None:
    from labgen.cli.target import find_lab, find_nodes
    from labgen.engine.attach import run_in
    from labgen.engine.client import connect
    from labgen.engine.observe import observe

    engine = connect()
    name = find_lab(engine, lab)
    (chosen,) = find_nodes(observe(engine, name), [node], name)
    raise typer.Exit(run_in(engine, chosen, command, root=root))
