"""Bodies of requests: bounded, of the right type, JSON, an object."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from labgen_stub.web.errors import ApiError
from labgen_stub.web.media import entity_type, negotiate

if TYPE_CHECKING:
    from starlette.requests import Request

# Every entity of the platform fits many times; uploads go elsewhere.
LARGEST = 64 * 1024
_TYPE = re.compile(r"\s*([^\s;]+)\s*(;.*)?")


def bad_request(message: str, code: str = "400-BAD-REQUEST") -> ApiError:
    """400, and why."""
    return ApiError(HTTPStatus.BAD_REQUEST, code, message)


def check_type(request: Request, *entities: str) -> None:
    """Let pass a body that says to be one of these entities, in a version that is known, or plain JSON.

    Raises:
        ApiError: 415.
    """
    given = request.headers.get("content-type", "")
    match = _TYPE.fullmatch(given)
    kind = match[1].lower() if match else ""
    # A version is honoured in a Content-Type as in an Accept header (W18).
    known = {entity_type(one) for one in entities}
    if kind == "application/json" or (kind in known and negotiate(given, kind) is not None):
        return
    offered = " or ".join(sorted(known))
    raise ApiError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "415-UNSUPPORTED-MEDIA-TYPE",
        f"Send {offered}, or application/json",
    )


async def read(request: Request, most: int = LARGEST) -> bytes:
    """Read a body of at most `most` bytes.

    Raises:
        ApiError: 413.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "413-TOO-LARGE", f"A request may have {most} bytes"
            )
    return bytes(body)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def read_object(request: Request, *entities: str) -> dict[str, Any]:
    """Read the JSON object that a request brings.

    Raises:
        ApiError: 415, 413, or 400 for anything else than one object.
    """
    check_type(request, *entities)
    body = await read(request)
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        # RecursionError: nested deeper than anything of the platform.
        raise bad_request("The body is no JSON document", "400-JSON") from error
    if not isinstance(document, dict):
        raise bad_request("The body must be one JSON object", "400-JSON")
    return document
