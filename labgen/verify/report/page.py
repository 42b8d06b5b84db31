"""What pages have in common: templates that escape everything, and a policy for their own parts alone."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from labgen.verify.report.wording import visible

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["digest", "part", "template"]


@cache
def template(name: str) -> Template:
    """Return the template of a page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(part(name))


def _shown(value: Any) -> Any:
    """Make what does not print visible, before it is escaped."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def part(name: str) -> str:
    """Return a file that ships beside this one."""
    return files(__package__).joinpath(name).read_text("utf-8")


def digest(text: str) -> str:
    """Return the source expression that allows exactly `text` (Content Security Policy, level 2)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
