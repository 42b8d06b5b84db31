"""The ASGI application of a node, put together from its web applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from labgen_stub.web import numbers
from labgen_stub.web.access import AccessLog
from labgen_stub.web.errors import answer_error, answer_fault
from labgen_stub.webapps import build, check

if TYPE_CHECKING:
    from labgen_stub.node import Node, WebApp


def compose(node: Node) -> tuple[Starlette, list[WebApp]]:
    """Put the application and its parts together; `/check` is in front of each part's own routes.

    Raises:
        SettingsError: an unknown web application is asked for.
    """
    settings = node.settings
    numbers.register()
    parts = {context: build(context, node) for context in settings.webapps}
    routes = []
    for context, part in parts.items():
        routes += [check.route(context, settings.datacenter_id, node.checks), *part.routes]
    application = Starlette(
        routes=routes,
        middleware=[Middleware(AccessLog)],
        exception_handlers={HTTPException: answer_error, Exception: answer_fault},
    )
    application.router.redirect_slashes = False
    return application, list(parts.values())
