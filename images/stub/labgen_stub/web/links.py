"""Absolute links that stay correct behind the front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


def base(request: Request) -> str:
    """Scheme, host and port as the client sees them.

    The proxies in front keep the client's `Host` (`ProxyPreserveHost On`, platform.md 2.1) and tell the
    scheme in `X-Forwarded-Proto`, or over AJP in the request itself.
    """
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip().lower()
    if scheme not in ("http", "https"):
        scheme = request.url.scheme
    return f"{scheme}://{request.headers.get('host') or request.url.netloc}"


def link(request: Request, rel: str, path: str, media_type: str = "", title: str = "") -> dict[str, str]:
    """One hypermedia link; `path` starts with a slash."""
    fields = {"rel": rel, "href": base(request) + path, "type": media_type, "title": title}
    return {name: value for name, value in fields.items() if value}
