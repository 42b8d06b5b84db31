"""Prints listings: aligned columns for people, stable keys for programs. Data goes to stdout."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from labgen.cli.options import Format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["note", "print_json", "print_rows", "print_text"]

_ENDLESS = 1_000_000
_STYLES = {
    "healthy": "green",
    "ok": "green",
    "starting": "yellow",
    "created": "yellow",
    "unhealthy": "red",
    "restarting": "red",
    "missing": "red",
    "failed": "red",
    "stopped": "dim",
}


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_text(text: str) -> None:
    """Print data as it is."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def note(text: str) -> None:
    """Say something that is not data: it goes to stderr."""
    sys.stderr.write(f"{text}\n")


def print_rows(rows: Sequence[Mapping[str, Any]], style: Format, columns: Mapping[str, str]) -> None:
    """Print `rows`: as JSON with all their keys, or as a table of `columns` (key to heading)."""
    if style is Format.JSON:
        print_json(list(rows))
        return
    from rich.console import Console
    from rich.table import Table

    # A pipe has no width: nothing is cut off there.
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(key, "")) for key in columns))
    lines = _rendered(console, table)
    sys.stdout.write("\n".join(line.rstrip() for line in lines) + "\n")


def _cell(value: Any) -> Any:
    from rich.text import Text

    if isinstance(value, list | tuple):
        text = ", ".join(map(str, value))
    else:
        text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return Text(text, style=_STYLES.get(text, ""))


def _rendered(console: Any, table: Any) -> list[str]:
    with console.capture() as capture:
        console.print(table)
    return str(capture.get()).rstrip("\n").split("\n")
