"""Users as they ask: who they are, and how much they may. MySQL knows them (table `user`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from labgen_stub.web.links import link
from labgen_stub.web.media import entity_type

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.webapps.api.kinton import Kinton

TYPE = entity_type("user")


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

    @property
    def rank(self) -> Rank:
        """How much this user may."""
        return rank_of(self.role)


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
    user.enterprise_id, enterprise.name AS enterprise_name, user.role_id, role.name AS role
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


def document(request: Request, root: str, user: User) -> dict[str, Any]:
    """Represent a user as the platform shows it. Every link in it leads somewhere."""
    return {
        "id": user.id,
        "nick": user.nick,
        "name": user.name,
        "surname": user.surname,
        "active": True,
        "locale": "en_US",
        "authType": "ABIQUO",
        "links": [
            link(request, "edit", path(root, user), TYPE, user.nick),
            link(request, "login", f"{root}/login", TYPE),
            link(request, "logout", f"{root}/logout"),
        ],
    }
