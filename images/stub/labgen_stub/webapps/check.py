"""`/<webapp>/check`, the same for every web application (platform.md 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from labgen_stub.checks import Checks

UUID_TYPE = "text/vnd.abiquo.datacenteruuid"


def route(context: str, datacenter_id: str, checks: Checks) -> Route:
    """200 with the datacenter id when all is well, else 503 with a line for each fault, the node's own first.

    A request with `Max-Forwards: 0` (a neighbour's own check) is answered from the last verdict.
    """

    async def check(request: Request) -> Response:
        if request.headers.get("max-forwards") == "0":
            verdict = checks.last
            if verdict is None:
                return PlainTextResponse("not checked yet\n", 503)
        else:
            verdict = await checks.verdict()
        if verdict.healthy:
            return Response(datacenter_id, headers={"Content-Type": UUID_TYPE})
        return PlainTextResponse(verdict.faults() + "\n", 503)

    return Route(f"/{context}/check", check, methods=["GET", "POST"])
