"""`…/remoteservices/{n}/action/check`: is a remote service well? 204, or an error that says what is not (R8).

The service itself is asked, each in its own way, and only where the documents let this node go (rows 16 to
18, and 32). What it has no way to (DHCP, where RS writes the leases) is judged by what RS says of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labgen_stub.web.errors import ApiError
from labgen_stub.webapps.api.resources import statements, storing
from labgen_stub.webapps.api.resources.endpoint import numbers_of
from labgen_stub.webapps.api.resources.infrastructure import REGION_SERVICE, REMOTE_SERVICE
from labgen_stub.webapps.api.user import Rank
from labgen_stub.wire import Garbled
from labgen_stub.wire.http import request as http_request
from labgen_stub.wire.outcome import question

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.links.database import Row, Session
    from labgen_stub.node import Node
    from labgen_stub.settings import Neighbour
    from labgen_stub.webapps.api.context import Api
    from labgen_stub.webapps.api.resources.model import Resource

# RS asks its own neighbours meanwhile, each for up to two seconds and a second look.
_PATIENCE = 5.0
_OK = 200


class ServiceCheck:
    """The action, for the remote services of datacenters and of regions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def routes(self) -> list[BaseRoute]:
        """Where it is."""
        return [self._route(one) for one in (REMOTE_SERVICE, REGION_SERVICE)]

    def _route(self, resource: Resource) -> BaseRoute:
        async def check(request: Request) -> Response:
            user = (await self._api.authenticator.user(request)).user
            user.need(Rank.CLOUD_ADMIN)
            numbers, database = numbers_of(request), self._api.database

            async def find(session: Session) -> Row:
                row = await statements.fetch(session, resource, user, numbers)
                if row is None:
                    raise storing.not_found()
                return row

            row = await storing.transact(database, find)
            fault = await ask(self._api.node, str(row["f_uri"]), str(row["f_uuid"]))

            async def note(session: Session) -> None:
                await statements.update(
                    session, resource, numbers[resource.number], {"status": int(not fault)}
                )

            await storing.transact(database, note)
            if fault:
                raise ApiError(HTTPStatus.CONFLICT, "RS-CHECK", f"{row['f_type']}: {fault}"[:600])
            return Response(status_code=HTTPStatus.NO_CONTENT)

        return Route(f"{self._api.root}{resource.path}/action/check", check)


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    port: int
    path: str


def _address(uri: str) -> _Address | None:
    try:
        parts = urlsplit(uri)
        return _Address(parts.scheme, parts.hostname or "", parts.port or 0, parts.path)
    except ValueError:
        return None


async def ask(node: Node, uri: str, uuid: str) -> str:
    """Return what is wrong with a remote service, nothing when it is well."""
    address = _address(uri)
    if address is None:
        return f"{uri} is no address"
    neighbour = next(
        (
            one
            for one in node.settings.to(address.scheme)
            if (one.node.lower(), one.port) == (address.host, address.port)
        ),
        None,
    )
    if neighbour is None:
        return await _hearsay(node, address, uuid)
    if address.scheme == "http":
        return await _check(node, neighbour, address.path)
    result = await question(node.target(neighbour), _PATIENCE)
    return "" if result.good else f"{neighbour.node}: {result.outcome}: {result.evidence}"


async def _check(node: Node, neighbour: Neighbour, path: str) -> str:
    """Ask a web application for its own health."""
    try:
        return await _said(node, neighbour, path)
    except (OSError, Garbled) as error:
        return str(error)


async def _said(node: Node, neighbour: Neighbour, path: str) -> str:
    """Return what a web application says of itself, nothing when it is well.

    Raises:
        OSError, Garbled: it says nothing; the text names it.
    """
    target = replace(node.target(neighbour), options={})
    try:
        async with asyncio.timeout(_PATIENCE):
            answer = await http_request(target, f"{path.rstrip('/')}/check")
    except TimeoutError:
        raise OSError(f"{neighbour.node}: no answer within {_PATIENCE:g} s") from None
    except (OSError, Garbled) as error:
        raise OSError(f"{neighbour.node}: {error}") from error
    if answer.status == _OK:
        return ""
    text = " ".join(answer.body.decode("utf-8", "replace").split())
    return f"{neighbour.node} answers {answer.status}: {text}"


async def _hearsay(node: Node, address: _Address, uuid: str) -> str:
    """Judge a service that this node may not reach by what its datacenter's own servers say of it.

    They are asked at once, so that several which do not answer take no longer than one. Where none answers,
    nothing is known of the service, which is not well then.
    """
    witnesses = [one for one in node.settings.to("http") if one.site == uuid]
    if not witnesses:
        return f"no document lets {node.settings.node} reach {address.host}:{address.port}"
    paths = [str(node.target(one).options.get("path", "/")).removesuffix("/check") for one in witnesses]
    said = await asyncio.gather(
        *(_said(node, one, path) for one, path in zip(witnesses, paths, strict=True)), return_exceptions=True
    )
    texts = [one for one in said if isinstance(one, str)]
    if not texts:
        return f"nobody who knows of {address.host} can be asked: {'; '.join(map(str, said))}"
    return next((text for text in texts if address.host in text), "")
