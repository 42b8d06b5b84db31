"""`/legal`: the licence texts, static files (platform.md 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labgen_stub.node import Node, WebApp

if TYPE_CHECKING:
    from starlette.requests import Request

_TEXT = """This server is an emulation for laboratories.

It contains no software of the platform's vendor. Its components come from Debian; the licence of each is
that of its Debian package.
"""


def build(context: str, node: Node) -> WebApp:
    """Build the licence texts, for everybody."""
    del node

    async def licences(_: Request) -> Response:
        return PlainTextResponse(_TEXT)

    return WebApp([Route(f"/{context}{end}", licences) for end in ("", "/")])
