"""What a client sends of an entity, checked and by column: it fits the table, or it is a 400."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labgen_stub.web.bodies import bad_request
from labgen_stub.webapps.api.resources import statements
from labgen_stub.webapps.api.resources.model import Kind, When

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Session
    from labgen_stub.webapps.api.resources.model import Field, Reference, Resource
    from labgen_stub.webapps.api.user import User

_LINE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
_LINES = re.compile(r"(?:[^\x00-\x1f\x7f\ud800-\udfff]|[\t\r\n])*")


def read_fields(resource: Resource, document: Mapping[str, Any], *, creating: bool) -> dict[str, object]:
    """Return the values that a document gives to columns.

    Members that are unknown or read only are let pass: a client may send what it got.

    Raises:
        ApiError: 400, naming every member that is wrong.
    """
    values, faults = dict[str, object](), []
    for one in resource.fields:
        if not one.writable(creating=creating):
            continue
        given = document.get(one.name)
        if given is None:
            if one.required and (creating or one.name in document):
                faults.append(f"'{one.name}' is missing")
            continue
        fault = _fault(one, given)
        if fault:
            faults.append(f"'{one.name}' {fault}")
        else:
            values[one.stored] = given
    if faults:
        raise bad_request("; ".join(faults), "400-CONSTRAINT")
    return values


def _fault(one: Field, given: object) -> str:
    """Say what a value should have been, or nothing."""
    if one.kind is Kind.BOOLEAN:
        return "" if isinstance(given, bool) else "must be true or false"
    if one.kind is Kind.INTEGER:
        right = type(given) is int and one.least <= given <= one.most
        return "" if right else f"must be a whole number from {one.least} to {one.most}"
    return _text_fault(one, given) if isinstance(given, str) else "must be a text"


def _text_fault(one: Field, given: str) -> str:
    if one.choices:
        return "" if given in one.choices else f"must be one of {', '.join(one.choices)}"
    least = max(one.least, int(one.required))
    if not least <= len(given) <= one.most or (one.required and not given.strip()):
        return f"must have {least} to {one.most} characters"
    if not (_LINES if one.lines else _LINE).fullmatch(given):
        return "has characters that no text of the platform may have"
    if one.pattern and not re.fullmatch(one.pattern, given):
        return f"must match {one.pattern}"
    return ""


async def read_references(
    session: Session,
    resource: Resource,
    user: User,
    document: Mapping[str, Any],
    root: str,
    *,
    creating: bool,
) -> dict[str, object]:
    """Return the numbers that a document's links give to columns.

    Raises:
        ApiError: 400 for a link that is missing, malformed, or leads to nothing that the user may know of.
    """
    links = _links(document)
    values = dict[str, object]()
    for one in resource.references:
        if not creating and one.when is not When.ALWAYS:
            continue
        href = next((links[rel] for rel in one.rels if rel in links), None)
        if href is not None:
            values[one.column] = await _number(session, one, user, href, root)
        elif creating:
            default = one.default(user) if one.default else None
            if default is None and one.required:
                raise bad_request(f"The link '{one.rels[0]}' is missing", "400-LINK")
            values[one.column] = default
    return values


def _links(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the first href of each rel."""
    given = document.get("links")
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise bad_request("'links' must be a list of links", "400-LINK")
    found = dict[str, str]()
    for one in given:
        rel, href = one.get("rel"), one.get("href")
        if not isinstance(rel, str) or not isinstance(href, str):
            raise bad_request("A link must have 'rel' and 'href'", "400-LINK")
        found.setdefault(rel, href)
    return found


async def _number(session: Session, one: Reference, user: User, href: str, root: str) -> int:
    try:
        path = urlsplit(href).path
    except ValueError:
        path = ""
    if path.startswith(f"{root}/"):
        for target in one.targets:
            numbers = target.find(path.removeprefix(root))
            if numbers is not None and await statements.fetch(session, target, user, numbers) is not None:
                return numbers[target.number]
    raise bad_request(f"The link '{one.rels[0]}' leads to nothing that you may use here", "400-LINK")
