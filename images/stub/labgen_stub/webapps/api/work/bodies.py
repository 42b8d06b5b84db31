"""What a client sends: one JSON object of a platform type, or nothing."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from labgen_stub.web.errors import ApiError
from labgen_stub.web.media import entity_type, negotiate

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST = 64 * 1024  # bytes


async def read(request: Request, entity: str, *, needed: bool = False) -> dict[str, Any]:
    """Return the object that a client sent, empty for an empty body that is not `needed`.

    Raises:
        ApiError: 415 for another media type, 413 for too much, 400 for anything but one object.
    """
    body = await request.body()
    if not body and not needed:
        return {}
    _right_type(request, entity)
    if len(body) > _MOST:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "413", f"At most {_MOST} bytes are taken")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise bad(f"The body must be a JSON object of a {entity}")
    return document


def bad(message: str) -> ApiError:
    """Return a 400."""
    return ApiError(HTTPStatus.BAD_REQUEST, "400", message)


def _right_type(request: Request, entity: str) -> None:
    """Take the platform's type of a known version, or plain JSON."""
    wanted, sent = entity_type(entity), request.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    if kind == "application/json" or (kind == wanted and negotiate(sent, wanted) is not None):
        return
    raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "415", f"Only {wanted} is taken here")


def text(document: dict[str, Any], name: str, longest: int, default: str = "") -> str:
    """Return a text of an object. Raises `ApiError`, 400, for anything else or one that is too long."""
    value = document.get(name, default)
    if not isinstance(value, str) or len(value) > longest or "\0" in value or _surrogates(value):
        raise bad(f"'{name}' must be a text of at most {longest} characters")
    return value


def _surrogates(value: str) -> bool:
    """Tell whether there is half a character in a text; JSON can say so, and no database can keep it."""
    return any("\ud800" <= one <= "\udfff" for one in value)
