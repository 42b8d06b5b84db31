"""Whether a caller may: AM asks the API with the caller's own `Authorization` (row 28, W13)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from labgen_stub.node import PATIENCE, Node
from labgen_stub.roles import api_targets
from labgen_stub.web.errors import ApiError, unauthenticated
from labgen_stub.wire import Garbled, Misuse
from labgen_stub.wire.http import Response
from labgen_stub.wire.http import request as http_request
from labgen_stub.wire.stream import client_tls

if TYPE_CHECKING:
    from starlette.requests import Request

log = logging.getLogger(__name__)
# A yes holds for so many seconds: an upload in many requests need not ask as many times.
_YES_FOR = 5.0
_MOST = 256


class Access:
    """Asks at the API's public location, and where there is none at the API itself (rows 28, 29).

    Who may see an enterprise may read its repository; who is shown the platform's roles at login, an
    administrator, may change it too. That is this lab's choice: the documents say only that the API decides.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._yes: dict[str, float] = {}

    async def check(self, request: Request, enterprise: int, *, change: bool) -> None:
        """Return when the API says yes.

        Raises:
            ApiError: 401, 403 or 404 as the API says, 503 when it cannot be asked.
        """
        authorization = request.headers.get("authorization")
        if not authorization:
            raise unauthenticated()
        # A hash: what opens the API is not kept.
        key = hashlib.sha256(f"{enterprise} {change}\n{authorization}".encode()).hexdigest()
        if self._yes.get(key, 0) > time.monotonic():
            return
        answer = await self._ask(f"/api/admin/enterprises/{enterprise}", authorization)
        if answer.status == HTTPStatus.OK and change:
            answer = await self._ask("/api/login", authorization)
        status = answer.status
        if status == HTTPStatus.OK and (not change or _administers(answer.body)):
            if len(self._yes) >= _MOST:
                self._yes.clear()
            self._yes[key] = time.monotonic() + _YES_FOR
            return
        if status == HTTPStatus.UNAUTHORIZED:
            raise unauthenticated()
        if status == HTTPStatus.NOT_FOUND:
            raise ApiError(HTTPStatus.NOT_FOUND, "ENTERPRISE-0", "There is no such enterprise")
        raise ApiError(HTTPStatus.FORBIDDEN, "FORBIDDEN", "The API does not let you")

    async def _ask(self, path: str, authorization: str) -> Response:
        reason = "no API among the neighbours"
        for target in api_targets(self._node.settings):
            try:
                async with asyncio.timeout(PATIENCE * 2):
                    answer = await http_request(
                        target,
                        path,
                        headers=[("Authorization", authorization), ("Accept", "*/*")],
                        tls=client_tls(target) if target.protocol == "https" else None,
                    )
            except (OSError, Garbled, Misuse) as error:
                reason = f"{target.host}: {str(error) or 'no answer in time'}"
                continue
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return answer
            reason = f"{target.host} answers {answer.status}"
        log.warning("cannot check a caller", extra={"reason": reason})
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "AM-AUTH", "The API cannot be asked who you are")


def _administers(login: bytes) -> bool:
    """Tell an administrator by the links that the API shows them at login, and nobody else."""
    try:
        return any(link["rel"] == "roles" for link in json.loads(login)["links"])
    except (ValueError, KeyError, TypeError):
        return False
