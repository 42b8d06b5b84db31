"""`labgen verify`: show that every documented connection works, and that nothing else does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from labgen.cli.options import Format, FormatOption, LabArgument
from labgen.cli.output import note, print_json, print_text

if TYPE_CHECKING:
    from labgen.verify.table import TruthTable

__all__ = ["register"]

_WIDE = 100  # columns, where nobody says how many there are


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(verify)


def verify(
    lab: LabArgument = None,
    only: Annotated[
        str,
        typer.Option(
            help="A node, role, site or `host`: only pairs with it; A:B only from A to B.",
            metavar="A[:B]",
            envvar="LABGEN_VERIFY_ONLY",
        ),
    ] = "",
    junit: Annotated[
        Optional[Path],
        typer.Option(help="Write a JUnit report there too.", metavar="FILE", dir_okay=False),
    ] = None,
    html: Annotated[
        Optional[Path],
        typer.Option(
            help="Write one self-contained page with every cell's evidence there too.",
            metavar="FILE",
            dir_okay=False,
        ),
    ] = None,
    watch: Annotated[
        Optional[float],
        typer.Option(
            help="Verify again and again, so many seconds apart, until interrupted.",
            metavar="SECONDS",
            min=0.1,
            max=86400,
        ),
    ] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Prove a running lab: every documented connection works, and no other is possible.

    Asked from inside every node's network: each documented connection in its protocol; every other port of
    every address of every node, TCP and UDP; names; gateways, this machine, other labs, the internet; who
    listens, and the rules in force. Exit code 0: exactly as documented. 5: something differs.
    """
    from labgen.cli.progress import Progress, shown
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.state import lab_state
    from labgen.verify.running import verify_running

    engine = connect()
    name = find_lab(engine, lab)
    state = lab_state(name)
    while True:
        with shown(Progress.AUTO) as emit:
            table = verify_running(engine, state, only, emit)
        if style is Format.JSON:
            from labgen.verify.report.document import document_of

            print_json(document_of(table))
        else:
            _print(table)
        # Last: what was measured is not lost with a file that cannot be written.
        _write(table, junit, html)
        if watch is None:
            break
        _wait(watch)
    _conclude(table)


def _print(table: TruthTable) -> None:
    from rich.console import Console

    from labgen.verify.report.text import text_of

    terminal = sys.stdout.isatty()
    encoding = (sys.stdout.encoding or "ascii").lower()
    width = Console().width if terminal else _WIDE
    colour = terminal and Console().color_system is not None
    print_text(text_of(table, width=width, colour=colour, ascii_only=not encoding.startswith("utf")))


def _write(table: TruthTable, junit: Path | None, html: Path | None) -> None:
    from labgen.errors import LabgenError
    from labgen.render.files import write_file

    texts: list[tuple[Path, str]] = []
    if junit:
        from labgen.verify.report.junit import junit_of

        texts.append((junit, junit_of(table)))
    if html:
        from labgen.verify.report.html import html_of

        texts.append((html, html_of(table)))
    for path, text in texts:
        try:
            write_file(path, text, 0o644)
        except OSError as error:
            raise LabgenError(f"{path}: cannot be written: {error.strerror}", "Name another file.") from error


def _wait(seconds: float) -> None:
    import time

    note(f"again in {seconds:g} s; Ctrl-C ends it")
    time.sleep(seconds)


def _conclude(table: TruthTable) -> None:
    """Raise what the result comes to: nothing, a difference, or that nothing is known."""
    from labgen.errors import Difference, LabgenError
    from labgen.verify.table import Kind

    if table.equal:
        return
    broken = sum(one.kind is Kind.PROBE for one in table.differences)
    number = len(table.differences) - broken
    count = "1 difference" if number == 1 else f"{number} differences"
    if not table.measured:
        raise LabgenError(
            f"lab '{table.lab}' could not be verified: probes broke, so nothing is known",
            "`labgen doctor` says whether the engine is well; `labgen verify` asks again.",
        )
    raise Difference(
        f"lab '{table.lab}' is not as documented: {count}",
        f"`labgen up {table.lab}` repairs nodes; docs/verify.md says what each kind means.",
    )
