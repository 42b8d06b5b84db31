"""AM by HTTP (platform.md 2.1): `/am/erepos/{enterprise}/templates`, as W13's pages have it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from labgen_stub.web.links import link
from labgen_stub.web.media import Entity, entity_type
from labgen_stub.webapps.remote.am.repository import Templates, trouble
from labgen_stub.webapps.remote.am.uploads import upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from labgen_stub.messages import TemplateEvent
    from labgen_stub.webapps.remote.am.access import Access
    from labgen_stub.webapps.remote.am.templates import Template

    Tell = Callable[[TemplateEvent], Awaitable[None]]

_MIB = 1 << 20


class Resources:
    """What clients see of one datacenter's repository."""

    def __init__(
        self, context: str, datacenter: str, repository: Templates, access: Access, tell: Tell
    ) -> None:
        self._root, self._datacenter = f"/{context}/erepos", datacenter
        self._repository, self._access, self._tell = repository, access, tell

    def routes(self) -> list[BaseRoute]:
        """Return all of them."""
        collection = f"{self._root}/{{enterprise:int}}/templates"
        return [
            Route(collection, self._guarded(self._list, change=False), methods=["GET"]),
            Route(collection, self._guarded(self._upload, change=True), methods=["POST"]),
            Route(f"{collection}/{{path:path}}", self._guarded(self._get, change=False), methods=["GET"]),
            Route(
                f"{collection}/{{path:path}}", self._guarded(self._delete, change=True), methods=["DELETE"]
            ),
        ]

    def _guarded(
        self, serve: Callable[[Request], Awaitable[Response]], *, change: bool
    ) -> Callable[[Request], Awaitable[Response]]:
        """Ask the API first; what fails at the share is told in the client's words."""

        async def guarded(request: Request) -> Response:
            await self._access.check(request, request.path_params["enterprise"], change=change)
            try:
                return await serve(request)
            except ClientDisconnect:
                # Nobody hears it.
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except OSError as error:
                raise trouble(error) from error

        return guarded

    async def _list(self, request: Request) -> Response:
        found = [
            self._document(request, one)
            for one in await self._repository.listing(request.path_params["enterprise"])
        ]
        document = {"links": [], "collection": found, "totalSize": len(found)}
        return Entity(document, entity_type("templates"))

    async def _upload(self, request: Request) -> Response:
        announced = request.headers.get("content-length", "")
        template = await self._repository.put(
            request.path_params["enterprise"],
            upload(request),
            int(announced) if announced.isdecimal() else 0,
        )
        await self._tell(template.event(self._datacenter, "DONE"))
        document = self._document(request, template)
        where = {"Location": document["links"][0]["href"]}
        return Entity(document, entity_type("template"), HTTPStatus.CREATED, where)

    async def _get(self, request: Request) -> Response:
        """Give the disk, or with `format=status` what is said of it."""
        template = await self._repository.get(request.path_params["enterprise"], request.path_params["path"])
        if request.query_params.get("format") == "status":
            return Entity(self._document(request, template), entity_type("template"))
        name = template.disk.path.rpartition("/")[2]
        headers = {
            "Content-Length": str(template.disk.size),
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        return StreamingResponse(
            self._repository.read(template), media_type="application/octet-stream", headers=headers
        )

    async def _delete(self, request: Request) -> Response:
        template = await self._repository.delete(
            request.path_params["enterprise"], request.path_params["path"]
        )
        await self._tell(template.event(self._datacenter, "DELETED"))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _document(self, request: Request, template: Template) -> dict[str, Any]:
        document = template.document()
        path = f"{self._root}/{template.enterprise}/templates/{document['path']}"
        document["links"] = [
            link(request, "edit", path, "application/octet-stream", template.name),
            link(request, "diskfile", f"{path}?format=diskFile", "application/octet-stream"),
        ]
        return document
