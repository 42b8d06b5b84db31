"""Every resource of the API, and what goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.webapps.api.resources import cloud, directory, infrastructure, repository
from labgen_stub.webapps.api.resources.check import ServiceCheck
from labgen_stub.webapps.api.resources.endpoint import Endpoint

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from labgen_stub.webapps.api.context import Api

RESOURCES = (
    *directory.RESOURCES,
    *infrastructure.RESOURCES,
    *repository.RESOURCES,
    *cloud.RESOURCES,
)


def routes(api: Api) -> list[BaseRoute]:
    """Return where they are."""
    found = [route for one in RESOURCES for route in Endpoint(api, one).routes()]
    return [*found, *ServiceCheck(api).routes()]
