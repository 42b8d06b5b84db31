"""The web server of the platform in memory: the page, the API, M, and an appliance manager."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from labgen.assets import images_dir

from .platform import PASSWORD, Document, FakePlatform, Refused, machine_path

PAGE = images_dir() / "apache" / "html" / "ui"
CSP = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)
SERVICES = ["VIRTUAL_FACTORY", "VIRTUAL_SYSTEM_MONITOR", "APPLIANCE_MANAGER", "NARS", "BPM_SERVICE"]
SWITCHES = {"ON": "POWER_ON", "OFF": "POWER_OFF", "PAUSED": "PAUSE"}


class Site:
    """What answers, in the name of a platform."""

    def __init__(self, fake: FakePlatform) -> None:
        self.fake = fake

    def application(self) -> Starlette:
        """The page, the API, M and the appliance manager."""
        app = Starlette(routes=self.routes())
        app.add_middleware(BaseHTTPMiddleware, dispatch=_headers)
        return app

    def routes(self) -> list[BaseRoute]:
        machine = machine_path(0).removesuffix("0") + "{number:int}"
        config = {
            "client-config-custom.json": {"config.endpoint": "/api"},
            "lab.json": {"lab": "small", "node": "ui-1"},
        }
        return [
            Route("/", lambda _: RedirectResponse("/ui/")),
            *(Route(f"/ui/config/{name}", _constant(document)) for name, document in config.items()),
            Mount("/ui", StaticFiles(directory=PAGE, html=True)),
            Route("/m/stream", self.stream),
            Route("/api/login", self.login),
            self.resource("/version", lambda _: Response("6.1.0")),
            self.resource("/logout", self.logout, "POST"),
            self.resource("/datacenters", self.sites("datacenter", "dc1", 1)),
            self.resource("/publiccloudregions", self.sites("publiccloudregion", "pcr1", 2)),
            self.resource("/{site}/remoteservices", self.services),
            self.resource("/{site}/check/{kind}", self.check),
            self.resource("/{site}/racks", self.racks),
            self.resource("/rack/machines", self.hosts),
            self.resource("/locations", self.locations),
            self.resource("/enterprise", self.enterprise),
            self.resource("/repositories", self.repositories),
            self.resource("/sites/{site:int}/templates", self.templates),
            self.resource("/templates/{number:int}", self.delete_template, "DELETE"),
            self.resource("/virtualmachines", self.machines),
            self.resource("/virtualdatacenters", self.datacenters),
            self.resource("/virtualdatacenters", self.make, "POST", 201),
            self.resource("/vdc/virtualappliances", self.appliances),
            self.resource("/vdc/virtualappliances", self.make, "POST", 201),
            self.resource("/vapp/virtualmachines", self.machines),
            self.resource("/vapp/virtualmachines", self.make, "POST", 201),
            self.resource(machine, lambda request: self.fake.machine(request.path_params["number"])),
            self.resource(machine, self.delete_machine, "DELETE"),
            self.resource(machine + "/tasks", self.tasks),
            self.resource(machine + "/action/{action}", self.act, "POST", 202),
            self.resource(machine + "/{action}", self.act, "PUT", 202),
            self.resource("/tasks/{task}", lambda request: self.fake.tasks[request.path_params["task"]]),
            self.resource("/events", lambda request: self.fake.page(request, self.fake.events, "/events")),
            self.resource("/templates", self.upload, "POST", 201, prefix="/am-dc1"),
            self.resource("/templates/{number:int}", self.disk, prefix="/am-dc1"),
        ]  # fmt: skip

    def resource(
        self,
        path: str,
        act: Callable[[Request], Any],
        method: str = "GET",
        status: int = 200,
        prefix: str = "/api",
    ) -> Route:
        async def answer(request: Request) -> Response:
            self.fake.base = str(request.base_url).rstrip("/")
            self.fake.asked.append(f"{method} {request.url.path}")
            try:
                self.admit(request)
                found = act(request)
                found = await found if asyncio.iscoroutine(found) else found
            except Refused as error:
                document = {"collection": [{"code": str(error.status), "message": error.message}]}
                return JSONResponse(document, error.status)
            if isinstance(found, Response):
                return found
            return Response(status_code=204) if found is None else JSONResponse(found, status)

        return Route(prefix + path, answer, methods=[method])

    def admit(self, request: Request) -> None:
        if self.fake.away:
            raise Refused(503, "Nobody is here")
        who = request.headers.get("authorization", "")
        if who.removeprefix("Token ") not in self.fake.tokens:
            raise Refused(401, "The session has expired")
        for part, why in self.fake.refuse.items():
            if part in self.fake.asked[-1]:
                raise Refused(409, why)

    async def login(self, request: Request) -> Response:
        self.fake.base = str(request.base_url).rstrip("/")
        if self.fake.away:
            return Response("<h1>Service Unavailable</h1>", 503)
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        wanted = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        if scheme == "Basic" and value == wanted:
            value = f"token-{next(self.fake.numbers)}"
            self.fake.tokens.add(value)
        if value not in self.fake.tokens:
            document = {"collection": [{"code": "UNAUTHORIZED", "message": "Invalid credentials"}]}
            return JSONResponse(document, 401, {"WWW-Authenticate": 'Basic realm="Abiquo"'})
        return JSONResponse(self.fake.user(), headers={"X-Abiquo-Token": value})

    def logout(self, request: Request) -> None:
        self.fake.tokens.discard(request.headers["authorization"].removeprefix("Token "))

    def sites(self, kind: str, name: str, number: int) -> Callable[[Request], Document]:
        rels = ["remoteservices"] + (["racks"] if kind == "datacenter" else [])
        document = {"id": number, "name": name, "uuid": name, "location": "lab"}

        def answer(request: Request) -> Document:
            links = [self.fake.link(one, f"/{name}/{one}") for one in rels]
            links.append(self.fake.link("edit", f"/locations/{number}", kind))
            return self.fake.page(request, [{**document, "links": links}], f"/{kind}s")

        return answer

    def services(self, request: Request) -> Document:
        site = request.path_params["site"]
        kinds = SERVICES if site == "dc1" else ["VIRTUAL_FACTORY", "CPP"]
        server = {"BPM_SERVICE": "bpm"}
        found = [
            {
                "id": number,
                "type": kind,
                "uri": f"http://{site}-{server.get(kind, 'rs')}-1:8009/{kind.lower()}",
                "links": [self.fake.link("check", f"/{site}/check/{kind}")],
            }
            for number, kind in enumerate(kinds)
        ]
        return self.fake.page(request, found, f"/{site}/remoteservices")

    def check(self, request: Request) -> None:
        if why := self.fake.sick.get(request.path_params["kind"]):
            raise Refused(409, why)

    def enterprise(self, request: Request) -> Document:
        del request
        rels = {"edit": "/enterprise", "datacenterrepositories": "/repositories"}
        links = [self.fake.link(rel, path) for rel, path in rels.items()]
        return {"id": 1, "name": "Abiquo", "links": links}

    def appliances(self, request: Request) -> Document:
        return self.fake.page(request, self.fake.appliances, "/vdc/virtualappliances")

    def disk(self, request: Request) -> Response:
        return Response(self.fake.files[request.path_params["number"]])

    def locations(self, request: Request) -> Document:
        found = [
            {"id": one, "name": name, "links": [self.fake.link("location", f"/locations/{one}", kind)]}
            for one, name, kind in ((1, "dc1", "datacenter"), (2, "pcr1", "publiccloudregion"))
        ]
        return self.fake.page(request, found, "/locations")

    def repositories(self, request: Request) -> Document:
        found = []
        for one, name in ((1, "dc1"), (2, "pcr1")):
            links = [
                self.fake.link("location", f"/locations/{one}"),
                self.fake.link("virtualmachinetemplates", f"/sites/{one}/templates"),
            ]
            if one == 1:
                links.append({"rel": "appliancemanager", "href": f"{self.fake.base}/am-dc1"})
            found.append({"name": name, "links": links})
        return self.fake.page(request, found, "/repositories")

    def templates(self, request: Request) -> Document:
        site = request.path_params["site"]
        found = [self.fake.template(one) for one, it in self.fake.templates.items() if it["site"] == site]
        return self.fake.page(request, found, f"/sites/{site}/templates")

    def delete_template(self, request: Request) -> None:
        del self.fake.templates[request.path_params["number"]]

    def machines(self, request: Request) -> Document:
        return self.fake.page(
            request, [self.fake.machine(one) for one in self.fake.machines], "/virtualmachines"
        )

    def datacenters(self, request: Request) -> Document:
        return self.fake.page(request, self.fake.datacenters, "/virtualdatacenters")

    async def make(self, request: Request) -> Document:
        body = await request.json()
        kind = request.url.path.rsplit("/", 1)[1]
        if kind == "virtualmachines":
            assert request.headers["content-type"] == "application/vnd.abiquo.virtualmachine+json"
            template = int(body["links"][0]["href"].rsplit("/", 1)[1])
            number = self.fake.add_machine(body["label"])
            self.fake.machines[number]["template"] = template
            return self.fake.machine(number)
        links = [one for one in body["links"] if one["rel"] == "location"]
        number = next(self.fake.numbers)
        links.append(self.fake.link("virtualappliances", "/vdc/virtualappliances"))
        links.append(self.fake.link("virtualmachines", "/vapp/virtualmachines"))
        document = {"id": number, "name": body["name"], "links": links}
        (self.fake.datacenters if kind == "virtualdatacenters" else self.fake.appliances).append(document)
        return document

    async def act(self, request: Request) -> Document:
        number, action = request.path_params["number"], request.path_params["action"]
        if action == "remoteaccess":
            host = str(request.base_url).replace("http", "ws", 1).rstrip("/")
            rels = ("novnc", "tunnel")
            return {"links": [{"rel": one, "href": f"{host}/console/{one}?token=once"} for one in rels]}
        if action == "state":
            return self.fake.start(SWITCHES[(await request.json())["state"]], number)
        if action == "instance":
            self.fake.add_template((await request.json())["instanceName"])
        return self.fake.start(action.upper(), number)

    def delete_machine(self, request: Request) -> None:
        del self.fake.machines[request.path_params["number"]]
        self.fake.tell("DELETE", "it")

    def tasks(self, request: Request) -> Document:
        number = request.path_params["number"]
        found = [self.fake.tasks[one] for one, owner in self.fake.owners.items() if owner == number]
        return self.fake.page(request, found[::-1], request.url.path.removeprefix("/api"))

    async def upload(self, request: Request) -> None:
        form = (
            b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + await request.body()
        )
        info, file = email.message_from_bytes(form, policy=email.policy.HTTP).iter_parts()
        described = json.loads(info.get_content())
        number = self.fake.add_template(described["name"], described["description"])
        self.fake.templates[number]["diskFormatType"] = described["diskFileFormat"]
        self.fake.files[number] = file.get_content()

    def racks(self, request: Request) -> Document:
        return self.fake.page(
            request, [{"links": [self.fake.link("machines", "/rack/machines")]}], "/dc1/racks"
        )

    def hosts(self, request: Request) -> Document:
        host = {"id": 1, "name": "dc1-hypervisor-1", "ip": "dc1-hypervisor-1", "type": "KVM", "links": []}
        return self.fake.page(request, [{**host, "state": "MANAGED"}], "/rack/machines")

    async def stream(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Token ")
        if self.fake.quiet:
            return Response(status_code=503)
        if token not in self.fake.tokens:
            return Response(status_code=401)
        self.fake.loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        async def body() -> AsyncIterator[str]:
            self.fake.queues.add(queue)
            try:
                yield ": stream of m-1\n\n"
                while (text := await queue.get()) is not None:
                    yield f"data: {text}\n\n"
            finally:
                self.fake.queues.discard(queue)

        return StreamingResponse(body(), media_type="text/event-stream")


def _constant(document: Document) -> Callable[[Request], Response]:
    return lambda _: JSONResponse(document)


async def _headers(request: Request, call: RequestResponseEndpoint) -> Response:
    response = await call(request)
    if request.url.path.startswith("/ui"):
        response.headers["Content-Security-Policy"] = CSP
    return response
