"""The REST API (platform.md 2.3): what it answers to everybody, login, and who leads."""

from __future__ import annotations

from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route

from labgen_stub.links.database import Database
from labgen_stub.links.election import Election
from labgen_stub.links.store import Store
from labgen_stub.node import Node, WebApp, zookeepers
from labgen_stub.web.errors import ApiError, not_acceptable
from labgen_stub.web.media import PLATFORM_VERSION, negotiate
from labgen_stub.webapps.api.auth import Authenticator
from labgen_stub.webapps.api.consoles import Consoles
from labgen_stub.webapps.api.context import Api
from labgen_stub.webapps.api.events import Events
from labgen_stub.webapps.api.kinton import Kinton
from labgen_stub.webapps.api.login import Login
from labgen_stub.webapps.api.migrations import Migrations
from labgen_stub.webapps.api.resources import mounting
from labgen_stub.webapps.api.seed import Seed
from labgen_stub.webapps.api.tokens import Tokens
from labgen_stub.webapps.api.user import Accounts
from labgen_stub.webapps.api.work.desk import leader_of
from labgen_stub.webapps.api.work.first_look import FirstLook
from labgen_stub.webapps.api.work.outbox import Sender
from labgen_stub.webapps.api.work.routes import WorkRoutes
from labgen_stub.webapps.api.work.timeline import Timeline

if TYPE_CHECKING:
    from starlette.requests import Request

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


def build(context: str, node: Node) -> WebApp:
    """Build the API of one node; several share tokens in Redis and elect a leader in ZooKeeper."""
    settings, root = node.settings, f"/{context}"
    database = Database([node.target(one) for one in settings.to("mysql")])
    migrations = Migrations(database, settings.lab)
    node.checks.add(migrations.fault)
    kinton = Kinton(database, migrations.ready)
    store = Store(settings.to("redis"))
    tokens = Tokens(store)
    authenticator = Authenticator(settings.secrets, Accounts(kinton), tokens)
    if hosts := zookeepers(settings):
        node.election = Election(hosts, f"{root}/leader-election", settings.node)
    sender = Sender(kinton, node.broker)
    events = Events(node.broker, kinton, sender.wake)
    api = Api(root, node, kinton, store, tokens, authenticator, events, sender.wake)
    seed = Seed(kinton, lambda: node.settings.neighbours, api.leads)
    node.checks.add(FirstLook(kinton, seed.done, api.leads).fault)

    async def version(request: Request) -> Response:
        if negotiate(request.headers.get("accept"), "text/plain") is None:
            raise not_acceptable("text/plain")
        return PlainTextResponse(PLATFORM_VERSION)

    async def description(request: Request) -> Response:
        """Describe the API, to users: strangers are told nothing but the version."""
        await authenticator.user(request)
        if negotiate(request.headers.get("accept"), "application/json") is None:
            raise not_acceptable("application/json")
        # Loaded by who asks: nobody else needs it.
        return JSONResponse(import_module("labgen_stub.webapps.api.resources.openapi").document(root))

    async def nothing_here(request: Request) -> Response:
        """Whatever is no resource: nothing is told to strangers, 404 (or 405) to users."""
        await authenticator.user(request)
        allowed = {
            method
            for route in resources
            if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
            for method in route.methods or ()
        }
        if allowed:
            message = "The resource does not allow this method"
            raise ApiError(
                HTTPStatus.METHOD_NOT_ALLOWED, "405", message, {"Allow": ", ".join(sorted(allowed))}
            )
        raise ApiError(HTTPStatus.NOT_FOUND, "404", "The requested resource does not exist")

    resources: list[BaseRoute] = [
        Route(f"{root}/version", version),
        Route(f"{root}/openapi.json", description),
        *Login(api).routes(),
        # Before the resources: what takes time there is begun here.
        *WorkRoutes(api).routes(),
        *mounting.routes(api),
        *Consoles(api).routes(),
        *Timeline(api).routes(),
    ]
    webapp = WebApp(
        [
            *resources,
            Route(root, nothing_here, methods=_METHODS),
            Route(root + "/{path:path}", nothing_here, methods=_METHODS),
        ],
        tasks=[events.run, migrations.run, seed.run, leader_of(api, sender, seed.done).run],
    )
    if node.election is not None:
        webapp.tasks.append(node.election.run)
    return webapp
