"""The platform's media types and what a client accepts of them (platform.md 2.3, W18).

A type is `application/vnd.abiquo.<entity>+json; version=X.Y`. JSON is the default and the only form
offered here; without a version the newest is meant.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

# With M, Guacamole, /nars and /xas this can only be a late 6.x: XAS came in 6.x, and M is gone from 6.2
# (platform.md 2.1, 2.4). noVNC is kept beside them on purpose: the servers table of W1 has both.
PLATFORM_VERSION = "6.1.0"
NEWEST = (6, 1)
OLDEST = (2, 0)
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Range:
    """One element of an `Accept` header."""

    type: str
    parameters: dict[str, str]
    quality: float


def ranges(accept: str) -> Iterator[Range]:
    """Return the elements of an `Accept` header, as they come; malformed ones are left out."""
    for element in accept.split(","):
        kind, *rest = (part.strip() for part in element.split(";"))
        if "/" not in kind:
            continue
        parameters = {}
        for parameter in rest:
            name, _, value = parameter.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            continue
        yield Range(kind.lower(), parameters, quality)


def entity_type(entity: str) -> str:
    """Return the media type of an entity, without version."""
    return f"application/vnd.abiquo.{entity}+json"


def negotiate(accept: str | None, offered: str) -> str | None:
    """Return the `Content-Type` to answer with, or None when the client takes nothing that is offered (406).

    `offered` is one media type. For a platform type the client's version is honoured when this version
    of the platform knows it.
    """
    if not accept or not accept.strip():
        return _with_version(offered, None)
    family = {offered, f"{offered.split('/', maxsplit=1)[0]}/*", "*/*"}
    if offered.endswith("+json"):
        family.add("application/json")
    fitting = [one for one in ranges(accept) if one.type in family]
    # The most specific range decides, so that `text/plain;q=0, */*` refuses plain text.
    fitting.sort(key=lambda one: (one.type == offered, not one.type.endswith("*"), one.quality), reverse=True)
    for one in fitting:
        chosen = _with_version(offered, one.parameters.get("version"))
        if one.quality > 0 and chosen is not None:
            return chosen
        if one.type == offered and one.quality == 0:
            return None
    return None


def _with_version(offered: str, version: str | None) -> str | None:
    if "vnd.abiquo" not in offered:
        return offered
    if version is None:
        return f"{offered}; version={NEWEST[0]}.{NEWEST[1]}"
    match = _VERSION.fullmatch(version)
    if match is None or not OLDEST <= (int(match[1]), int(match[2])) <= NEWEST:
        return None
    return f"{offered}; version={version}"


class Entity(Response):
    """A JSON document of a platform type."""

    def __init__(
        self, content: Any, media_type: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(json.dumps(content, ensure_ascii=False), status, headers, media_type)
