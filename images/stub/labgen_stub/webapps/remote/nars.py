"""NARS (once nodecollector, platform.md 2.1): what the hosts of a datacenter or region are made of."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from labgen_stub.messages import BadMessage, Work
from labgen_stub.webapps.remote.attempts import TRANSIENT
from labgen_stub.webapps.remote.backends import Refused

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from labgen_stub.messages import Request
    from labgen_stub.webapps.remote.backends import Backend
    from labgen_stub.webapps.remote.journal import Journal


class Nars:
    """Of one backend."""

    def __init__(self, backend: Backend | None) -> None:
        self._backend = backend

    async def work(self, request: Request, journal: Journal) -> dict[str, Any]:
        """DISCOVER: describe every host, or option `host` alone."""
        if request.work is not Work.DISCOVER:
            raise BadMessage(f"discovery does not do {request.work}")
        del journal
        wanted = request.options.get("host")
        found = [asdict(one) for one in await self._discover() if wanted in (None, "", one.name)]
        if wanted and not found:
            raise Refused(f"There is no host {wanted} here")
        return {"machines": found}

    async def _discover(self) -> tuple[Any, ...]:
        return await self._backend.discover() if self._backend else ()

    def routes(self, context: str) -> list[BaseRoute]:
        """`/nars/hosts[/{name}]`: the same by REST. The paths are this lab's own."""

        async def hosts(request: HttpRequest) -> Response:
            name = request.path_params.get("name")
            try:
                found = [asdict(one) for one in await self._discover()]
            except (*TRANSIENT, Refused) as error:
                return JSONResponse({"message": str(error) or "no answer in time"}, 503)
            if name is None:
                return JSONResponse({"collection": found, "totalSize": len(found)})
            one = next((one for one in found if one["name"] == name), None)
            return JSONResponse(one or {"message": f"There is no host {name} here"}, 200 if one else 404)

        return [Route(f"/{context}/hosts", hosts), Route(f"/{context}/hosts/{{name}}", hosts)]
