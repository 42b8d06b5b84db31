"""`labgen doctor` and `labgen version`: this machine."""

from __future__ import annotations

import typer

from labgen.cli.options import Format, FormatOption
from labgen.cli.output import print_json, print_rows, print_text

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(doctor)
    app.command()(version)


def doctor(style: FormatOption = Format.TABLE) -> None:
    """Check what a lab needs from this machine. Exit code 3 when the engine is the trouble."""
    from labgen.engine.doctor import examine

    findings = examine()
    rows = [
        {"check": one.check, "state": one.state, "finding": one.finding, "way_out": one.way_out}
        for one in findings
    ]
    print_rows(rows, style, {"check": "CHECK", "state": "STATE", "finding": "FINDING", "way_out": "WAY OUT"})
    code = max((one.exit_code for one in findings), default=0)
    if code:
        raise typer.Exit(code)


def version(style: FormatOption = Format.TABLE) -> None:
    """Print labgen's version."""
    from labgen import __version__

    if style is Format.JSON:
        print_json({"labgen": __version__})
    else:
        print_text(__version__)
