"""Who uses the platform: enterprises, roles, scopes, users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgen_stub.webapps.api import passwords
from labgen_stub.webapps.api.resources.model import (
    Access,
    Field,
    Guard,
    Kind,
    Link,
    Reference,
    Resource,
    When,
    lists,
    owner,
)
from labgen_stub.webapps.api.resources.storing import conflict
from labgen_stub.webapps.api.user import ADMIN, Rank, rank_of

if TYPE_CHECKING:
    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.user import User

_ADMIN_WRITES = Access(Rank.USER, Rank.CLOUD_ADMIN, Rank.CLOUD_ADMIN, Rank.CLOUD_ADMIN)
_USER_ROLE = 3
_ENTERPRISE = "/admin/enterprises/{enterprise}"

ENTERPRISE = Resource(
    entity="enterprise",
    plural="enterprises",
    table="enterprise",
    path=_ENTERPRISE,
    keys={"enterprise": "enterprise.id"},
    fields=(Field("name", required=True, search=True),),
    extras={"tenant": "enterprise.id"},
    tenant="enterprise.id",
    access=_ADMIN_WRITES,
    event="ENTERPRISE",
    links=(
        *lists(_ENTERPRISE, "users", "datacenterrepositories"),
        *lists(f"{_ENTERPRISE}/action", "virtualdatacenters", "virtualmachines"),
    ),
    guards=(Guard("SELECT id FROM user WHERE enterprise_id = %s LIMIT 1", "The enterprise has users"),),
)


async def _not_blocked(session: Session, user: User, row: Row, values: dict[str, Any]) -> None:
    del session, user, values
    if row["f_blocked"]:
        raise conflict("The platform's own roles cannot be changed")


async def _keep_blocked(session: Session, user: User, row: Row) -> None:
    await _not_blocked(session, user, row, {})


ROLE = Resource(
    entity="role",
    plural="roles",
    table="role",
    path="/admin/roles/{role}",
    keys={"role": "role.id"},
    fields=(
        Field("name", required=True, most=40, search=True),
        Field("blocked", kind=Kind.BOOLEAN, when=When.NEVER),
    ),
    own=("role.id", "role_id"),
    access=_ADMIN_WRITES,
    change=_not_blocked,
    remove=_keep_blocked,
    event="ROLE",
)

SCOPE = Resource(
    entity="scope",
    plural="scopes",
    table="scope",
    path="/admin/scopes/{scope}",
    keys={"scope": "scope.id"},
    fields=(Field("name", required=True, search=True),),
    own=("scope.id", "scope_id"),
    access=_ADMIN_WRITES,
    event="SCOPE",
)


async def _role_allowed(session: Session, user: User, values: dict[str, Any]) -> None:
    """Nobody gives a role that may more than their own."""
    if (role := values.get("role_id")) is not None:
        row = await session.one("SELECT name FROM role WHERE id = %s", role)
        user.need(rank_of(str(row["name"])) if row else None)


async def _protect(values: dict[str, Any]) -> None:
    if "password" in values:
        values["password"] = await passwords.protect(values["password"])


async def _new_user(session: Session, user: User, values: dict[str, Any]) -> None:
    await _role_allowed(session, user, values)
    await _protect(values)


async def _changed_user(session: Session, user: User, row: Row, values: dict[str, Any]) -> None:
    user.need(rank_of(row["x_role_name"]))
    await _role_allowed(session, user, values)
    if row["f_nick"] == ADMIN:
        same = values.get("nick", ADMIN) == ADMIN and values.get("active", True)
        if not same or values.get("role_id", row["x_role"]) != row["x_role"]:
            raise conflict("The platform's administrator keeps nick and role, and stays active")
    await _protect(values)


async def _remove_user(session: Session, user: User, row: Row) -> None:
    del session
    user.need(rank_of(row["x_role_name"]))
    if row["f_nick"] == ADMIN or row["k_user"] == user.id:
        raise conflict("Neither the platform's administrator nor oneself can be removed")


USER = Resource(
    entity="user",
    plural="users",
    table="user",
    path=f"{_ENTERPRISE}/users/{{user}}",
    keys={"enterprise": "user.enterprise_id", "user": "user.id"},
    joins="JOIN role ON role.id = user.role_id JOIN enterprise ON enterprise.id = user.enterprise_id "
    "LEFT JOIN scope ON scope.id = user.scope_id",
    fields=(
        # Half of a Basic authentication, which ends it at the first colon.
        Field("nick", required=True, pattern=r"[^:]+", search=True),
        Field("name", required=True, search=True),
        Field("surname", search=True),
        Field("email", most=255, search=True),
        Field("description", most=255, lines=True),
        Field("locale", most=10),
        Field("active", kind=Kind.BOOLEAN),
        Field("password", hidden=True, least=1),
        Field("authType", expression="'ABIQUO'"),
    ),
    extras={
        "tenant": "user.enterprise_id",
        "enterprise_name": "enterprise.name",
        "role": "user.role_id",
        "role_name": "role.name",
        "scope": "user.scope_id",
        "scope_name": "scope.name",
    },
    tenant="user.enterprise_id",
    own=("user.id", "id"),
    title="nick",
    parent=(ENTERPRISE, "enterprise_id"),
    references=(
        Reference(("role",), "role_id", (ROLE,), When.ALWAYS, default=lambda _: _USER_ROLE),
        Reference(("scope",), "scope_id", (SCOPE,), When.ALWAYS, required=False),
    ),
    access=Access(Rank.USER, *([Rank.ENTERPRISE_ADMIN] * 3)),
    prepare=_new_user,
    change=_changed_user,
    remove=_remove_user,
    event="USER",
    # The answer to a login is a user: from here a client that knows only that entry gets everywhere.
    links=(
        owner(ENTERPRISE, "enterprise_name"),
        owner(ROLE, "role_name"),
        owner(SCOPE, "scope_name"),
        *lists("/cloud", "virtualdatacenters", "virtualmachines"),
        Link("locations", "/cloud/locations", "datacenters"),
        *lists("", "events"),
        *lists("/admin", "datacenters", "publiccloudregions", "enterprises", rank=Rank.CLOUD_ADMIN),
        *lists("/admin", "roles", rank=Rank.ENTERPRISE_ADMIN),
        *lists("/admin", "scopes", rank=Rank.CLOUD_ADMIN),
        Link("login", "/login", "user"),
        Link("logout", "/logout"),
    ),
)

RESOURCES = (ENTERPRISE, ROLE, SCOPE, USER)
