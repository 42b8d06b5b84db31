"""A truth table as one HTML page that needs nothing else: no server, no other file, no script to read it.

What was seen in the lab is hostile text here. The template escapes everything, no evidence becomes code or
data of a script, and the page's own policy runs no script and no style but the two that ship with it.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from labgen.verify.report.tally import count, sentence, tally_of
from labgen.verify.report.view import View
from labgen.verify.report.wording import MARKS, place, visible

if TYPE_CHECKING:
    from jinja2 import Template

    from labgen.verify.table import TruthTable

__all__ = ["html_of"]

_DENSE = 30  # nodes; more of them get smaller cells


def html_of(table: TruthTable) -> str:
    """Return `table` as an HTML document."""
    style, script = _part("page.css"), _part("page.js")
    return _template().render(
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
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)};"
        " base-uri 'none'; form-action 'none'",
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(_part("page.html.j2"))


def _shown(value: Any) -> Any:
    """Make what does not print visible, before it is escaped."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return the source expression that allows exactly `text` (Content Security Policy, level 2)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
