"""`GET /openapi.json`: the API described in OpenAPI 3.1, made from the declarations of its resources.

What is no resource (login, actions, consoles) is in the table below, so that the document has every path.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labgen_stub.web.media import PLATFORM_VERSION, entity_type
from labgen_stub.webapps.api.resources.mounting import RESOURCES
from labgen_stub.webapps.api.resources.paging import LARGEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen_stub.webapps.api.resources.model import Field, Resource

Schema = dict[str, Any]
_REFUSALS = {
    400: "It is not what the platform can take",
    401: "Nobody known",
    403: "Not for this role",
    404: "Not there, or not for this user to know of",
    406: "No such type is offered",
    409: "It does not fit what is there",
    413: "Too large",
    415: "A type that is not taken",
    503: "The database or the sessions are away",
}
_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_VDC = "/cloud/virtualdatacenters/{virtualdatacenter}/virtualappliances/{virtualappliance}/virtualmachines/"
_VM = _VDC + "{virtualmachine}"
# Path, method, entity of the body, entity of the answer, status.
_OTHERS = (
    ("/login", "get", "", "user", 200),
    ("/logout", "post", "", "", 204),
    ("/events", "get", "", "events", 200),
    ("/admin/datacenters/{datacenter}/remoteservices/{remoteservice}/action/check", "get", "", "", 204),
    (
        "/admin/publiccloudregions/{publiccloudregion}/remoteservices/{remoteservice}/action/check",
        "get",
        "",
        "",
        204,
    ),
    ("/admin/datacenters/{datacenter}/action/discover", "post", "", "acceptedrequest", 202),
    (f"{_VM}/action/deploy", "post", "virtualmachinetask", "acceptedrequest", 202),
    (f"{_VM}/action/undeploy", "post", "virtualmachinetask", "acceptedrequest", 202),
    (f"{_VM}/action/reset", "post", "", "acceptedrequest", 202),
    (f"{_VM}/action/instance", "post", "virtualmachineinstance", "acceptedrequest", 202),
    (f"{_VM}/action/remoteaccess", "post", "remoteaccess", "remoteaccess", 201),
    (f"{_VM}/state", "get", "", "virtualmachinestate", 200),
    (f"{_VM}/state", "put", "virtualmachinestate", "acceptedrequest", 202),
    (f"{_VM}/tasks", "get", "", "tasks", 200),
)
_FURTHER: dict[str, Schema] = {
    "virtualmachinetask": {"type": "object", "properties": {"forceUndeploy": {"type": "boolean"}}},
    "virtualmachineinstance": {
        "type": "object",
        "required": ["instanceName"],
        "properties": {"instanceName": {"type": "string", "minLength": 1, "maxLength": 128}},
    },
    "virtualmachinestate": {
        "type": "object",
        "required": ["state"],
        "properties": {"state": {"enum": ["ON", "OFF", "PAUSED"]}},
    },
    "remoteaccess": {"type": "object", "properties": {"protocol": {"enum": ["vnc", "ssh", "rdp"]}}},
}


def document(root: str) -> Schema:
    """Return the description of the API at `root`."""
    paths: dict[str, Schema] = {}
    for resource in RESOURCES:
        for path, operations in _operations(resource):
            paths.setdefault(path, {"parameters": _numbers(path)}).update(operations)
    for path, method, body, answer, status in _OTHERS:
        place = paths.setdefault(path, {"parameters": _numbers(path)})
        place[method] = _operation(f"{method} {path}", status, answer, _FURTHER.get(body), body)
    paths["/version"] = {"get": {**_operation("version", 200, "", None, ""), "security": []}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "API of the lab's platform", "version": PLATFORM_VERSION},
        "servers": [{"url": root}],
        "security": [{"basic": []}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
            "schemas": {
                "links": _LINKS,
                "errors": _ERRORS,
                **{one.entity: _entity(one) for one in RESOURCES if one.entity_route},
            },
        },
    }


_LINK: Schema = {
    "type": "object",
    "required": ["rel", "href"],
    "properties": {name: {"type": "string"} for name in ("rel", "href", "type", "title")},
}
_LINKS: Schema = {"type": "array", "items": _LINK}
_ERRORS: Schema = {
    "type": "object",
    "required": ["collection"],
    "properties": {
        "collection": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        }
    },
}


def _numbers(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _NUMBER}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _operations(resource: Resource) -> Iterable[tuple[str, Schema]]:
    listing: Schema = {
        "get": {
            **_operation(f"list {resource.list_path}", 200, resource.plural, None, "", _collection(resource)),
            "parameters": _paging(resource),
        }
    }
    name, access = resource.entity, resource.access
    entity = {"$ref": f"#/components/schemas/{name}"}
    if access.create is not None:
        listing["post"] = _operation(
            f"create {resource.path}", 201, name, _body(resource, creating=True), name, entity
        )
    yield resource.list_path, listing
    if not resource.entity_route:
        return
    one: Schema = {"get": _operation(f"show {resource.path}", 200, name, None, "", entity)}
    if access.update is not None:
        one["put"] = _operation(
            f"update {resource.path}", 200, name, _body(resource, creating=False), name, entity
        )
        one["put"]["responses"]["202"] = _answer("It is being changed", "acceptedrequest", {"type": "object"})
    if access.delete is not None:
        one["delete"] = _operation(f"delete {resource.path}", 204, "", None, "")
    yield resource.path, one


def _operation(
    name: str, status: int, answer: str, body: Schema | None, entity: str, schema: Schema | None = None
) -> Schema:
    found: Schema = {
        "operationId": re.sub(r"\W+", "-", name).strip("-"),
        "responses": {
            str(status): _answer("Done", answer, schema or {"type": "object"}),
            **{
                str(code): _answer(text, "errors", {"$ref": "#/components/schemas/errors"})
                for code, text in _REFUSALS.items()
            },
        },
    }
    if body is not None:
        types = (entity_type(entity), "application/json")
        found["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": body} for kind in types},
        }
    return found


def _answer(text: str, entity: str, schema: Schema) -> Schema:
    if not entity:
        return {"description": text}
    return {"description": text, "content": {entity_type(entity): {"schema": schema}}}


def _paging(resource: Resource) -> list[Schema]:
    names = ["id", *(one.name for one in resource.fields if not one.hidden)]
    schemas: dict[str, Schema] = {
        "startwith": {"type": "integer", "minimum": 0, "maximum": 2**31},
        "limit": {"type": "integer", "minimum": 0, "maximum": LARGEST_LIMIT},
        "by": {"enum": names},
        "asc": {"type": "boolean"},
        "has": {"type": "string", "maxLength": 128},
    }
    return [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def _schema(one: Field) -> Schema:
    found: Schema = {"type": str(one.kind)}
    if one.choices:
        return {"enum": list(one.choices)}
    if found["type"] == "integer" and one.writable(creating=True):
        found |= {"minimum": one.least, "maximum": one.most}
    elif found["type"] == "string" and one.writable(creating=True):
        found |= {"minLength": max(one.least, int(one.required)), "maxLength": one.most}
        if one.pattern:
            found["pattern"] = f"^{one.pattern}$"
    return found


def _body(resource: Resource, *, creating: bool) -> Schema:
    fields = [one for one in resource.fields if one.writable(creating=creating)]
    schema: Schema = {
        "type": "object",
        "properties": {
            **{one.name: _schema(one) for one in fields},
            "links": {"$ref": "#/components/schemas/links"},
        },
    }
    if creating and (required := [one.name for one in fields if one.required]):
        schema["required"] = required
    return schema


def _entity(resource: Resource) -> Schema:
    shown = [one for one in resource.fields if not one.hidden]
    return {
        "type": "object",
        "required": ["id", "links", *(one.name for one in shown)],
        "properties": {
            "id": {"type": "integer"},
            "links": {"$ref": "#/components/schemas/links"},
            **{one.name: {"type": str(one.kind)} for one in shown},
        },
    }


def _collection(resource: Resource) -> Schema:
    return {
        "type": "object",
        "required": ["links", "collection", "totalSize"],
        "properties": {
            "links": {"$ref": "#/components/schemas/links"},
            "collection": {"type": "array", "items": {"$ref": f"#/components/schemas/{resource.entity}"}},
            "totalSize": {"type": "integer", "minimum": 0},
        },
    }
