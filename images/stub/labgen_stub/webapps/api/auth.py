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
from labgen_stub.web.errors import ApiError, no_database, unauthenticated
from labgen_stub.webapps.api import passwords
from labgen_stub.webapps.api.user import ADMIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from labgen_stub.webapps.api.tokens import TokenStore
    from labgen_stub.webapps.api.user import Account, AccountStore, Rank, User

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and the token that proved it, if it was one."""

    user: User
    token: str | None = None

    def need(self, rank: Rank) -> None:
        """Let pass who may as much as `rank`. Raises `ApiError` 403 for everybody else."""
        self.user.need(rank)


def basic_credentials(value: str) -> tuple[str, str] | None:
    """Name and password of the part after `Basic `, or None when it is malformed."""
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def unavailable(error: Unavailable) -> ApiError:
    """503: Redis does not answer, or may not be written to; why is told in the log only."""
    log.warning("sessions are unavailable", extra={"reason": str(error)})
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "503-SESSIONS", "Sessions are not available now")


class Authenticator:
    """Tells users from strangers."""

    def __init__(self, secrets: Mapping[str, str], accounts: AccountStore, tokens: TokenStore) -> None:
        self._secrets, self._accounts, self._tokens = secrets, accounts, tokens

    async def user(self, request: Request) -> Identity:
        """Who is asking.

        Raises:
            ApiError: 401 with the challenge, or 503 when a token or a user cannot be looked up.
        """
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        value = value.strip()
        if scheme.lower() == "basic":
            nick, password = basic_credentials(value) or ("", "")
            return Identity(await self._by_password(nick, password))
        if scheme.lower() == "token" and value:
            try:
                nick = await self._tokens.owner(value) or ""
            except Unavailable as error:
                raise unavailable(error) from error
            account = await self._account(nick)
            if account is not None:
                return Identity(account.user, value)
            raise unauthenticated("The session has expired")
        raise unauthenticated()

    async def _account(self, nick: str) -> Account | None:
        """Return the account of a nick that may log in."""
        if not nick:
            return None
        try:
            account = await self._accounts.find(nick)
        except Unavailable as error:
            raise no_database(error) from error
        return account if account is not None and account.active else None

    async def _by_password(self, nick: str, password: str) -> User:
        account = await self._account(nick)
        if account is not None and account.user.nick == ADMIN and not account.password:
            expected = self._secrets.get("api_admin_password", "")
            right = bool(expected) and hmac.compare_digest(password.encode(), expected.encode())
        else:
            # Compared in any case: a wrong name takes as long as a wrong password.
            right = await passwords.fits(password, (account.password if account else "") or passwords.NOBODY)
        if account is None or not right:
            raise unauthenticated("Invalid credentials")
        return account.user
