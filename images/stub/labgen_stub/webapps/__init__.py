"""Behaviour: one module (or package) per kind of web application, found by its context path.

A module here has `build(context: str, node: Node) -> WebApp`. A new web application is a new module and
one row in this table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from labgen_stub.settings import SettingsError

if TYPE_CHECKING:
    from labgen_stub.node import Node, WebApp

# Context paths: platform.md 2.1.
_MODULES = {
    "api": "api",
    "legal": "legal",
    "m": "m",
    "virtualfactory": "remote",
    "vsm": "remote",
    "am": "remote",
    "nars": "remote",
    "xas": "remote",
    "cpp": "remote.cpp",
    "bpm-async": "remote",
}


def build(context: str, node: Node) -> WebApp:
    """Build the web application of a context path.

    Raises:
        SettingsError: nothing is known under that path.
    """
    if context not in _MODULES:
        raise SettingsError(f"LABGEN_WEBAPPS: unknown {context!r}; known are {', '.join(sorted(_MODULES))}")
    module = import_module(f"labgen_stub.webapps.{_MODULES[context]}")
    webapp: WebApp = module.build(context, node)
    return webapp
