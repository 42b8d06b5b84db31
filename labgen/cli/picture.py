"""`labgen graph`: the picture of a lab, of one that runs or of a plan."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from labgen.cli.options import FileOption, LabArgument, SetOption, SizeOption, read_spec
from labgen.cli.output import note, print_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen.render.graph.model import Picture

__all__ = ["register"]


class Drawn(StrEnum):
    """What a picture is drawn in."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    HTML = "html"


_SUFFIXES = {
    ".mmd": Drawn.MERMAID,
    ".mermaid": Drawn.MERMAID,
    ".dot": Drawn.DOT,
    ".gv": Drawn.DOT,
    ".svg": Drawn.SVG,
    ".html": Drawn.HTML,
    ".htm": Drawn.HTML,
}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(graph)


def graph(
    lab: LabArgument = None,
    size: SizeOption = None,
    file: FileOption = None,
    sets: SetOption = None,
    style: Annotated[
        Optional[Drawn],
        typer.Option(
            "--format",
            help="What to draw it in; what the output's name says, or mermaid.",
            envvar="LABGEN_GRAPH_FORMAT",
        ),
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="The file to write.", envvar="LABGEN_GRAPH_OUTPUT"),
    ] = None,
) -> None:
    """Draw a lab: its servers by site, an arrow for each documented connection, and how its nodes are.

    With --size, --file or --set, or while there is no lab, it draws the plan alone and needs no engine.
    """
    style = style or _format_of(output)
    picture = _plan_alone(lab, size, file, sets) if size or file or sets else _lab(lab)
    text = _drawers()[style](picture)
    if output is None:
        print_text(text)
        return
    _write(output, text)
    note(f"{output}: {picture.caption} of lab '{picture.lab}'")


def _format_of(output: Path | None) -> Drawn:
    from labgen.errors import InvalidInput

    if output is None:
        return Drawn.MERMAID
    found = _SUFFIXES.get(output.suffix.lower())
    if found is None:
        raise InvalidInput(
            f"--output {output}: its name does not say what to draw",
            f"End it in one of {' '.join(_SUFFIXES)}, or choose with --format.",
        )
    return found


def _drawers() -> dict[Drawn, Callable[[Picture], str]]:
    from labgen.render.graph.dot import dot
    from labgen.render.graph.html import html
    from labgen.render.graph.mermaid import mermaid
    from labgen.render.graph.svg import svg

    return {Drawn.MERMAID: mermaid, Drawn.DOT: dot, Drawn.SVG: svg, Drawn.HTML: html}


def _plan_alone(name: str | None, size: str | None, file: Path | None, sets: list[str] | None) -> Picture:
    from labgen.catalogue.load import default_catalogue
    from labgen.plan.build import make_plan
    from labgen.plan.parse import check_name
    from labgen.render.graph.model import picture_of

    spec = read_spec(file, sets, size)
    return picture_of(make_plan(default_catalogue(), spec, check_name(name or spec.size)))


def _lab(name: str | None) -> Picture:
    """Return the picture of a lab that is known; of the usual plan while there is none."""
    from labgen.cli.target import choose_lab, find_lab
    from labgen.engine.client import connect
    from labgen.engine.cuts import cut_wires
    from labgen.engine.observe import observe
    from labgen.engine.plans import plan_of_lab
    from labgen.engine.state import lab_state, remembered_labs
    from labgen.errors import EngineMissing
    from labgen.render.graph.model import picture_of

    states = None
    if name is None and not remembered_labs():
        return _plan_alone(None, None, None, None)
    try:
        engine = connect()
        name = find_lab(engine, name)
        states = {node: str(one.state) for node, one in observe(engine, name).items()}
    except EngineMissing as error:
        note(f"without the state of its nodes: {error.message}")
        name = choose_lab(remembered_labs(), name)
    state = lab_state(name)
    cuts = frozenset(pair for wire in cut_wires(state) for pair in wire.pairs)
    return picture_of(plan_of_lab(state), states, cuts)


def _write(output: Path, text: str) -> None:
    from labgen.errors import LabgenError

    try:
        output.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise LabgenError(f"{output}: cannot be written: {error.strerror}", "Choose another file.") from error
