"""`labgen connections`: the documented table, with provenance."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from labgen.cli.options import FileOption, Format, FormatOption, SetOption, SizeOption, read_spec
from labgen.cli.output import print_rows

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(connections)


def connections(
    size: SizeOption = None,
    file: FileOption = None,
    sets: SetOption = None,
    all_rows: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also the rows that this lab does not realise: other variants, other servers.",
            envvar="LABGEN_CONNECTIONS_ALL",
        ),
    ] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """List the documented connections: who may reach whom, on which port, and who says so."""
    from labgen.catalogue.load import default_catalogue
    from labgen.plan.build import make_plan

    catalogue = default_catalogue()
    realised = make_plan(catalogue, read_spec(file, sets, size), "connections").connection_by_id
    rows: list[dict[str, Any]] = [
        {
            "id": row.id,
            "from": row.source,
            "to": row.destination,
            "protocol": row.protocol,
            "port": row.ports,
            "purpose": row.purpose,
            "provenance": str(row.provenance),
            "reference": row.reference,
            "note": row.note,
            "variant": row.variant,
            "realised": row.id in realised,
        }
        for row in catalogue.connections
        if all_rows or row.id in realised
    ]
    columns = {
        "id": "ROW",
        "from": "FROM",
        "to": "TO",
        "protocol": "PROTOCOL",
        "port": "PORT",
        "provenance": "PROVENANCE",
        "reference": "REFERENCE",
        "purpose": "PURPOSE",
    }
    print_rows(rows, style, columns | ({"realised": "REALISED"} if all_rows else {}))
