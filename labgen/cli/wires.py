"""`labgen cut` and `labgen heal`: unplug documented wires, and plug them in again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from labgen.cli.options import Format, FormatOption, LabOption, _nodes
from labgen.cli.output import note, print_rows

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.engine.cuts import Wire
    from labgen.plan.model import LabPlan

__all__ = ["register"]

EndArgument = Annotated[Optional[str], typer.Argument(help="A node.", autocompletion=_nodes)]
AllFromOption = Annotated[
    Optional[str],
    typer.Option(help="Every wire on which this node reaches others.", autocompletion=_nodes, metavar="NODE"),
]
AllToOption = Annotated[
    Optional[str],
    typer.Option(help="Every wire on which others reach this node.", autocompletion=_nodes, metavar="NODE"),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(cut)
    app.command()(heal)


def cut(
    source: EndArgument = None,
    destination: EndArgument = None,
    all_from: AllFromOption = None,
    all_to: AllToOption = None,
    lab: LabOption = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Cut the wire between two nodes: nothing passes any more, in either direction. Without any: list.

    A cut outlives restarts of its nodes and `labgen up`; `labgen heal` ends it.
    """
    from labgen.engine.client import connect
    from labgen.engine.cuts import change_cuts, cut_wires
    from labgen.engine.state import lab_state

    engine = connect()
    name, plan = _lab(engine, lab)
    state = lab_state(name)
    wires = _wires(plan, source, destination, all_from, all_to)
    if wires:
        changed = change_cuts(engine, state, plan, cut=wires)
        already = len(wires) - len(changed)
        before = f" ({already} cut already)" if already else ""
        note(f"lab '{name}': {_count(len(changed))} cut{before}; `labgen heal` plugs everything in again")
    there = cut_wires(state)
    if not wires and not there and style is Format.TABLE:
        note(f"lab '{name}': no wire is cut")
        return
    _print(plan, there, style)


def heal(
    source: EndArgument = None,
    destination: EndArgument = None,
    all_from: AllFromOption = None,
    all_to: AllToOption = None,
    lab: LabOption = None,
) -> None:
    """Plug the wire between two nodes in again; without any, every wire that is cut."""
    from labgen.engine.client import connect
    from labgen.engine.cuts import change_cuts, cut_wires
    from labgen.engine.state import lab_state

    engine = connect()
    name, plan = _lab(engine, lab)
    state = lab_state(name)
    wires = _wires(plan, source, destination, all_from, all_to) or cut_wires(state)
    changed = change_cuts(engine, state, plan, heal=wires)
    note(f"lab '{name}': {_count(len(changed))} healed" if changed else f"lab '{name}': no such wire is cut")


def _lab(engine: Engine, lab: str | None) -> tuple[str, LabPlan]:
    from labgen.cli.target import find_lab
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state

    name = find_lab(engine, lab)
    return name, plan_of_lab(lab_state(name))


def _wires(
    plan: LabPlan, source: str | None, destination: str | None, all_from: str | None, all_to: str | None
) -> list[Wire]:
    """Return the wires that the arguments name. Raises InvalidInput."""
    from labgen.engine.cuts import Wire
    from labgen.errors import InvalidInput
    from labgen.nearest import did_you_mean

    for name in (source, destination, all_from, all_to):
        if name is not None and name not in plan.node_by_name:
            raise InvalidInput(
                f"lab '{plan.name}' has no node '{name}'{did_you_mean(name, plan.node_by_name)}",
                "`labgen status` lists them.",
            )
    if (source is None) != (destination is None):
        raise InvalidInput(
            f"a wire has two ends, and only {source} is named",
            f"Name the other one, or take all of them: --all-from {source}, --all-to {source}.",
        )
    found = []
    if source is not None and destination is not None:
        found.append(Wire.between(plan, source, destination))
    if all_from is not None:
        node = plan.node_by_name[all_from]
        found += [Wire.between(plan, all_from, one.node.name) for one in plan.neighbours(node)]
    if all_to is not None:
        node = plan.node_by_name[all_to]
        found += [Wire.between(plan, one.node.name, all_to) for one in plan.clients(node)]
    if not found and (all_from or all_to):
        raise InvalidInput(f"no document has such a connection of {all_from or all_to}: nothing to cut")
    return list(dict.fromkeys(found))


def _print(plan: LabPlan, wires: list[Wire], style: Format) -> None:
    from labgen.render.cuts import link_between

    rows = []
    for wire in wires:
        link = link_between(plan, wire.one, wire.other)
        ends = {wire.one, wire.other}
        rows.append(
            {
                "one": wire.one,
                "other": wire.other,
                "link": link,
                "connections": sorted(
                    {
                        neighbour.connection.id
                        for end in ends
                        for neighbour in plan.neighbours(plan.node_by_name[end])
                        if neighbour.node.name in ends
                    }
                ),
            }
        )
    print_rows(rows, style, {"one": "CUT", "other": "FROM", "link": "LINK", "connections": "ROWS"})


def _count(number: int) -> str:
    return "1 wire" if number == 1 else f"{number} wires"
