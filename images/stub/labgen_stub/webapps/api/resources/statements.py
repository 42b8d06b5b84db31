"""SQL of a resource. Values are always arguments; names are the declarations' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.links.database import bound
from labgen_stub.webapps.api.user import Rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Row, Session
    from labgen_stub.webapps.api.resources.model import Field, Resource
    from labgen_stub.webapps.api.resources.paging import Page
    from labgen_stub.webapps.api.user import User


def expression(resource: Resource, one: Field) -> str:
    """Return what a field is selected by."""
    return one.expression or f"{resource.table}.{one.stored}"


def _columns(resource: Resource) -> str:
    parts = [f"{value} AS k_{name}" for name, value in resource.keys.items()]
    parts += [f"{expression(resource, one)} AS f_{one.name}" for one in resource.fields if not one.hidden]
    parts += [f"{value} AS x_{name}" for name, value in resource.extras.items()]
    return ", ".join(parts)


def _visible(resource: Resource, user: User) -> tuple[list[str], list[object]]:
    """Return the conditions under which a row is one of these, and one that the user may know of."""
    conditions = [f"{resource.table}.{name} = %s" for name in resource.fixed]
    arguments = list(resource.fixed.values())
    if resource.condition:
        conditions.append(resource.condition)
    if resource.tenant and user.rank < Rank.CLOUD_ADMIN:
        conditions.append(f"{resource.tenant} = %s")
        arguments.append(user.enterprise_id)
    if resource.own and user.rank < Rank.ENTERPRISE_ADMIN:
        conditions.append(f"{resource.own[0]} = %s")
        arguments.append(getattr(user, resource.own[1]))
    return conditions, arguments


def _where(conditions: list[str]) -> str:
    return " AND ".join(conditions) or "1 = 1"


async def fetch(session: Session, resource: Resource, user: User, numbers: Mapping[str, int]) -> Row | None:
    """Return one entity's row, if it is there and the user may know of it."""
    conditions, arguments = _visible(resource, user)
    for name, number in numbers.items():
        conditions.append(f"{resource.keys[name]} = %s")
        arguments.append(number)
    statement = (
        f"SELECT {_columns(resource)} FROM {resource.table} {resource.joins} WHERE {_where(conditions)}"  # noqa: S608
    )
    return await session.one(statement, *arguments)


async def lock(session: Session, resource: Resource, number: int) -> None:
    """Let nobody else change a row until the transaction ends."""
    await session.one(f"SELECT id FROM {resource.table} WHERE id = %s FOR UPDATE", number)  # noqa: S608


async def page(
    session: Session, resource: Resource, user: User, numbers: Mapping[str, int], wanted: Page
) -> tuple[list[Row], int]:
    """Return the rows of one page, and how many there are on all pages."""
    conditions, arguments = _visible(resource, user)
    for name, number in numbers.items():
        conditions.append(f"{resource.list_keys[name]} = %s")
        arguments.append(number)
    searched = [expression(resource, one) for one in resource.fields if one.search]
    if wanted.has and searched:
        conditions.append("(" + " OR ".join(f"{one} LIKE %s" for one in searched) + ")")
        arguments += [wanted.pattern] * len(searched)
    source = f"FROM {resource.table} {resource.joins} WHERE {_where(conditions)}"
    total = await session.one(f"SELECT COUNT(*) AS total {source}", *arguments)
    own, direction = resource.keys[resource.number], "ASC" if wanted.asc else "DESC"
    by = resource.member(wanted.by)
    order = f"{own} {direction}" if by is None else f"{expression(resource, by)} {direction}, {own}"
    rows = await session.all(
        f"SELECT {_columns(resource)} {source} ORDER BY {order} LIMIT %s OFFSET %s",
        *arguments,
        wanted.limit,
        wanted.start,
    )
    return rows, int(total["total"]) if total else 0


async def insert(session: Session, resource: Resource, values: Mapping[str, object]) -> int:
    """Write a new row; return its number."""
    names = ", ".join(f"`{name}`" for name in values)
    places = ", ".join(["%s"] * len(values))
    statement = f"INSERT INTO {resource.table} ({names}) VALUES ({places})"  # noqa: S608
    return await session.insert(statement, *values.values())


async def update(session: Session, resource: Resource, number: int, values: Mapping[str, object]) -> None:
    """Change columns of a row."""
    if values:
        names, arguments = bound(values)
        await session.run(f"UPDATE {resource.table} SET {names} WHERE id = %s", *arguments, number)  # noqa: S608


async def delete(session: Session, resource: Resource, number: int) -> None:
    """Remove a row."""
    await session.run(f"DELETE FROM {resource.table} WHERE id = %s", number)  # noqa: S608
