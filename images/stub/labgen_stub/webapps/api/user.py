"""The one user of the small platform, and its representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labgen_stub.web.links import link
from labgen_stub.web.media import entity_type

if TYPE_CHECKING:
    from starlette.requests import Request

TYPE = entity_type("user")


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking."""

    id: int
    nick: str
    name: str
    surname: str
    enterprise_id: int = 1
    enterprise_name: str = "Abiquo"


# The administrator of a fresh installation (platform.md 2.3); the password is the lab's own.
ADMIN = User(1, "admin", "Cloud", "Administrator")
USERS = {ADMIN.nick: ADMIN}


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
