"""`labgen connections`: the documented table, with provenance; what realises each row, and what proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labgen.cli.options import FileOption, Format, FormatOption, SetOption, SizeOption, read_spec
from labgen.cli.output import print_json, print_rows, print_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labgen.catalogue.model import Connection
    from labgen.verify.coverage import Coverage

__all__ = ["register"]

_COLUMNS = {"id": "ROW", "from": "FROM", "to": "TO", "protocol": "PROTOCOL", "port": "PORT"}
_FEW = 3  # links that one line of the table still names


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
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="Every row: the links that realise it, the tests that prove it, or why there are none.",
            envvar="LABGEN_CONNECTIONS_COVERAGE",
        ),
    ] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """List the documented connections: who may reach whom, on which port, and who says so."""
    from labgen.catalogue.load import default_catalogue
    from labgen.plan.build import make_plan

    catalogue, spec = default_catalogue(), read_spec(file, sets, size)
    plan = make_plan(catalogue, spec, "connections")
    if coverage:
        from labgen.verify.coverage import coverage_of

        _print_coverage(coverage_of(catalogue, spec, plan), style)
        return
    realised = plan.connection_by_id
    rows = [
        _facts(row) | {"realised": row.id in realised}
        for row in catalogue.connections
        if all_rows or row.id in realised
    ]
    columns = _COLUMNS | {"provenance": "PROVENANCE", "reference": "REFERENCE", "purpose": "PURPOSE"}
    print_rows(rows, style, columns | ({"realised": "REALISED"} if all_rows else {}))


def _facts(row: Connection) -> dict[str, Any]:
    return {
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
    }


def _print_coverage(found: Sequence[Coverage], style: Format) -> None:
    """Print rows, links and tests; as a table, what is realised or proven by nothing comes last."""
    from dataclasses import asdict

    from labgen.verify.coverage import summary_of

    summary = summary_of(found)
    if style is Format.JSON:
        print_json({"rows": [_covered(one) for one in found], "summary": asdict(summary)})
        return
    tests = _numbered(found)
    columns = _COLUMNS | {"links": "LINKS", "spoken": "SPOKEN BY", "closed": "NOTHING ELSE BY"}
    whole = [one for one in found if not one.reasons]
    lacking = [one for one in found if one.reasons]
    if whole:
        print_rows([_line(one, tests) for one in whole], style, columns)
        print_text("")
    if lacking:
        print_text("realised by nothing here, or proven by nothing:\n")
        print_rows([_line(one, tests) for one in lacking], style, columns | {"why": "WHY"})
        print_text("")
    print_text("tests:" + "".join(f"\n{number:>3}  {test}" for test, number in tests.items()))
    print_text(
        f"\n{summary.rows} documented connections: "
        f"{summary.realised} realised here by {summary.links} links, {summary.unrealised} by nothing; "
        f"{summary.proven} proven by tests, {summary.unproven} by nothing"
    )


def _covered(one: Coverage) -> dict[str, Any]:
    return _facts(one.row) | {
        "realised": one.realised,
        "links": one.links,
        "published": one.published,
        "proven": one.proven,
        "spoken": one.spoken,
        "closed": one.closed,
        "reasons": [{"kind": why.kind, "text": why.text, "set": why.sets} for why in one.reasons],
    }


def _numbered(found: Iterable[Coverage]) -> dict[str, int]:
    """Return each test once, whatever row it is called with, with a number that cells name it by."""
    rows = list(found)
    every = [_test(test) for one in rows for test in one.spoken]
    every += [_test(test) for one in rows for test in one.closed]
    return {test: number for number, test in enumerate(dict.fromkeys(every), 1)}


def _test(test: str) -> str:
    """Return a test's id without a parameter that repeats the row."""
    return f"{test.partition('[')[0]}[ROW: FROM -> TO]" if " -> " in test else test


def _line(one: Coverage, tests: Mapping[str, int]) -> dict[str, Any]:
    links = list(one.links)
    if len(links) > _FEW:
        links = [f"{links[0]} … {links[-1]} ({len(links)})"]
    return _facts(one.row) | {
        "links": [*links, *(f"published {name}" for name in one.published)] or "-",
        "spoken": sorted({tests[_test(test)] for test in one.spoken}) or "-",
        "closed": sorted({tests[_test(test)] for test in one.closed}) or "-",
        "why": "; ".join(
            f"{why.text}{':' if why.sets else ''}{''.join(f' --set {value}' for value in why.sets)}"
            for why in one.reasons
        ),
    }
