"""Who is asking: Basic authentication or a session token (platform.md 2.3)."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from labgen_stub.links.errors import Unavailable
from labgen_stub.web.errors import ApiError, unauthenticated
from labgen_stub.webapps.api.user import ADMIN, USERS, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from labgen_stub.webapps.api.tokens import TokenStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and the token that proved it, if it was one."""

    user: User
    token: str | None = None


def basic_credentials(value: str) -> tuple[str, str] | None:
    """Name and password of the part after `Basic `, or None when it is malformed."""
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def unavailable(error: Unavailable) -> ApiError:
    """503, and the reason in the log only."""
    log.warning("sessions are unavailable", extra={"reason": str(error)})
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "503-SESSIONS", "Sessions are not available now")


class Authenticator:
    """Tells users from strangers."""

    def __init__(self, secrets: Mapping[str, str], tokens: TokenStore) -> None:
        self._secrets, self._tokens = secrets, tokens

    async def user(self, request: Request) -> Identity:
        """Who is asking.

        Raises:
            ApiError: 401 with the challenge, or 503 when a token cannot be looked up.
        """
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        value = value.strip()
        if scheme.lower() == "basic":
            return Identity(self._by_password(value))
        if scheme.lower() == "token" and value:
            try:
                nick = await self._tokens.owner(value)
            except Unavailable as error:
                raise unavailable(error) from error
            if nick in USERS:
                return Identity(USERS[nick], value)
            raise unauthenticated("The session has expired")
        raise unauthenticated()

    def _by_password(self, value: str) -> User:
        name, password = basic_credentials(value) or ("", "")
        expected = self._secrets.get("api_admin_password", "")
        # Both comparisons always happen, in constant time: a wrong name takes as long as a wrong password.
        right_name = hmac.compare_digest(name.encode(), ADMIN.nick.encode())
        right_password = hmac.compare_digest(password.encode(), expected.encode())
        if not (right_name and right_password and expected):
            raise unauthenticated("Invalid credentials")
        return ADMIN
