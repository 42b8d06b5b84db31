"""A truth table as one HTML page that needs nothing else: no server, no other file, no script to read it.

What was seen in the lab is hostile text here. The template escapes everything, no evidence becomes code or
data of a script, and the page's own policy runs no script and no style but the two that ship with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from labgen.verify.report.page import digest, part, template
from labgen.verify.report.tally import count, sentence, tally_of
from labgen.verify.report.view import View
from labgen.verify.report.wording import MARKS, place

if TYPE_CHECKING:
    from labgen.verify.table import TruthTable

__all__ = ["html_of"]

_DENSE = 30  # nodes; more of them get smaller cells


def html_of(table: TruthTable) -> str:
    """Return `table` as an HTML document."""
    style, script = part("page.css"), part("page.js")
    return template("page.html.j2").render(
        view=View(table),
        table=table,
        tally=tally_of(table),
        sentence=sentence(table),
        marks=MARKS,
        count=count,
        place=place,
        dense=len(table.nodes) > _DENSE,
        style=Markup(style),  # noqa: S704 - a file that ships
        script=Markup(script),  # noqa: S704 - a file that ships
        policy=f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)};"
        " base-uri 'none'; form-action 'none'",
    )
