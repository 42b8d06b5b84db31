"""How resources look: entities and collections with their links, absolute as the client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from labgen_stub.web.links import base
from labgen_stub.web.media import entity_type
from labgen_stub.webapps.api.resources.model import Kind, Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from labgen_stub.links.database import Row
    from labgen_stub.webapps.api.resources.model import Resource
    from labgen_stub.webapps.api.resources.paging import Page
    from labgen_stub.webapps.api.user import User


# MySQL's truth is a number, and its sums are decimals.
_PYTHON: dict[Kind, type[bool | int | str]] = {Kind.BOOLEAN: bool, Kind.INTEGER: int, Kind.TEXT: str}


def path_of(resource: Resource, row: Mapping[str, Any]) -> str:
    """Return the path of an entity below the root."""
    return resource.path.format_map({name: row[f"k_{name}"] for name in resource.parameters})


def entity(request: Request, root: str, resource: Resource, row: Row, user: User) -> dict[str, Any]:
    """Represent an entity."""
    document: dict[str, Any] = {"id": row[f"k_{resource.number}"]}
    for one in resource.fields:
        if not one.hidden:
            document[one.name] = _PYTHON[one.kind](row[f"f_{one.name}"])
    names = {key[2:]: value for key, value in row.items() if key[:2] in ("k_", "x_")}
    titles = {key[2:]: value for key, value in row.items()}
    host = base(request)
    edit = Link("edit", resource.path, resource.entity, resource.title)
    document["links"] = [
        _link(host + root if one.rooted else host, one, names, titles)
        for one in (edit, *resource.links)
        if one.rank <= user.rank and _complete(one, names)
    ]
    return document


def _complete(one: Link, names: Mapping[str, Any]) -> bool:
    """Tell whether every name in a link's path has a value."""
    return all(names[name] is not None for name in one.names)


def _link(start: str, one: Link, names: Mapping[str, Any], titles: Mapping[str, Any]) -> dict[str, str]:
    fields = {
        "rel": one.rel,
        "href": start + one.path.format_map({name: quote(str(names[name])) for name in one.names}),
        "type": entity_type(one.entity) if one.entity else "",
        "title": str(titles.get(one.title) or ""),
    }
    return {name: value for name, value in fields.items() if value}


def collection(
    request: Request, plural: str, entities: Sequence[Mapping[str, Any]], total: int, wanted: Page
) -> dict[str, Any]:
    """Represent one page of a collection, with links to the others."""
    here = base(request) + request.url.path
    links = [
        {"rel": rel, "href": f"{here}?{wanted.query(start)}", "type": entity_type(plural)}
        for rel, start in wanted.starts(total).items()
    ]
    return {"links": links, "collection": list(entities), "totalSize": total}


def accepted(request: Request, path: str) -> dict[str, Any]:
    """Represent what an action answers: where its task is."""
    link = {"rel": "status", "href": base(request) + path, "type": entity_type("task"), "title": "status"}
    return {"message": "You can keep track of the progress in the link", "links": [link]}
