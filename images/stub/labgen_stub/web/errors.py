"""Errors as the platform's clients expect them: `application/vnd.abiquo.errors+json`."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from labgen_stub.links.errors import Refusal, Unavailable
from labgen_stub.web.media import Entity, entity_type, negotiate

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Abiquo"'}


class ApiError(Refusal, HTTPException):
    """An answer that is an error: HTTP status, the platform's code, a message for people."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        HTTPException.__init__(self, status, message, headers)
        self.code = code


def unauthenticated(message: str = "This request requires user authentication") -> ApiError:
    """401 with the platform's challenge (platform.md 2.3)."""
    return ApiError(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", message, CHALLENGE)


def no_database(error: Unavailable) -> ApiError:
    """503: MySQL does not answer, or may not be written to; why is told in the log only."""
    log.warning("the database is unavailable", extra={"reason": str(error)})
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "503-DATABASE", "The database is not available now")


def not_acceptable(offered: str) -> ApiError:
    """406, naming what could be had."""
    return ApiError(HTTPStatus.NOT_ACCEPTABLE, "406-NOT-ACCEPTABLE", f"Only {offered} is available here")


async def answer_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for every `HTTPException`, also those it raises itself (404, 405)."""
    if not isinstance(error, HTTPException):
        raise error
    code = error.code if isinstance(error, ApiError) else f"{error.status_code}"
    return _answer(request, error.status_code, code, error.detail, dict(error.headers or {}))


async def answer_fault(request: Request, error: Exception) -> Response:
    """Whatever nobody expected: 500, told in the log and not to the client."""
    log.error("unexpected error", exc_info=error, extra={"path": request.url.path})
    return _answer(request, 500, "GEN-0", "Unexpected error", {})


def _answer(request: Request, status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    document = {"links": [], "collection": [{"code": code, "message": message}]}
    kind = entity_type("errors")
    # An error is told in any case, also to a client that accepts only something else.
    chosen = negotiate(request.headers.get("accept"), kind) or negotiate(None, kind) or kind
    return Entity(document, chosen, status, headers)
