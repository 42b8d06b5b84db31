"""Users as they ask: who they are, and how much they may. MySQL knows them (table `user`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from labgen_stub.web.errors import ApiError

if TYPE_CHECKING:
    from labgen_stub.webapps.api.kinton import Kinton


class Rank(IntEnum):
    """How much a user may; each rank may also what those before it may. A role of one's own is a USER."""

    USER = 0
    ENTERPRISE_ADMIN = 1
    CLOUD_ADMIN = 2


# The administrator of a fresh installation (platform.md 2.3): the one whose password is the lab's secret.
ADMIN = "admin"


def rank_of(role: str) -> Rank:
    """Return what a role's name stands for."""
    return Rank.__members__.get(role, Rank.USER)


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking."""

    id: int
    nick: str
    name: str = ""
    surname: str = ""
    enterprise_id: int = 1
    enterprise_name: str = "Abiquo"
    role_id: int = 3
    role: str = Rank.USER.name
    scope_id: int | None = None

    @property
    def rank(self) -> Rank:
        """How much this user may."""
        return rank_of(self.role)

    def need(self, rank: Rank | None) -> None:
        """Let pass who may as much as `rank`.

        Raises:
            ApiError: 403 for everybody else.
        """
        if rank is None or self.rank < rank:
            raise ApiError(HTTPStatus.FORBIDDEN, "FORBIDDEN", "Your role does not allow this")


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what only authentication may see."""

    user: User
    password: str
    active: bool


class AccountStore(Protocol):
    """What authentication needs to know of users."""

    async def find(self, nick: str) -> Account | None:
        """Return the account of a nick, if there is one."""


_QUERY = """SELECT user.id, user.nick, user.name, user.surname, user.password, user.active,
    user.enterprise_id, enterprise.name AS enterprise_name, user.role_id, role.name AS role, user.scope_id
FROM user
JOIN enterprise ON enterprise.id = user.enterprise_id
JOIN role ON role.id = user.role_id
WHERE user.nick = %s"""


class Accounts:
    """Users in MySQL."""

    def __init__(self, database: Kinton) -> None:
        self._database = database

    async def find(self, nick: str) -> Account | None:
        """Return the account of a nick, if there is one. Raises `Unavailable` without MySQL."""
        row: dict[str, Any] | None = await self._database.one(_QUERY, nick)
        if row is None:
            return None
        password, active = row.pop("password"), bool(row.pop("active"))
        return Account(User(**row), password, active)


def path(root: str, user: User) -> str:
    """Where a user is found."""
    return f"{root}/admin/enterprises/{user.enterprise_id}/users/{user.id}"
