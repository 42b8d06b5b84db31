"""What a server asks of a neighbour to know that it works, and what it finds there.

The only place where roles have names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labgen_stub.wire import Target, known_protocols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labgen_stub.settings import Neighbour, Settings

# Who answers `/check` of its own (platform.md 2.2), and under which context path.
_CHECKED = {
    "api": "api",
    "m": "m",
    "rs": "virtualfactory",
    "bpm": "bpm-async",
    "prs": "virtualfactory",
}
# A question that must not be passed on (the sense that RFC 9110 gives to this header): the neighbour
# answers from what it knows, so that checks neither recurse nor wait for each other in a circle.
DO_NOT_FORWARD = {"Max-Forwards": "0"}


def target(neighbour: Neighbour, secrets: Mapping[str, str], patience: float) -> Target:
    """Return the question to a neighbour: its protocol, or the application's own question where there is one.

    An HTTP neighbour that has `/check` is alive when it gives any well-formed answer: what it lacks
    itself is for its own health to say. The front end must lead to a working API (platform.md rows 15
    and 28), and a provider must answer in its own protocol (row 42).
    """
    protocol, options = neighbour.protocol, dict[str, object]()
    if protocol == "http" and neighbour.role in _CHECKED:
        options = {"path": f"/{_CHECKED[neighbour.role]}/check", "headers": DO_NOT_FORWARD}
    elif neighbour.role == "frontend" and protocol in ("http", "https"):
        options = {"path": "/api/version", "status": 200}
    elif neighbour.role == "cloud" and protocol == "https":
        protocol = "ec2"
    elif protocol not in known_protocols():
        protocol = neighbour.transport
    return Target(protocol, neighbour.node, neighbour.port, options, secrets, patience, neighbour.transport)


@dataclass(frozen=True, slots=True)
class Service:
    """A remote service as the API registers it: its type, and its address (platform.md 2.1, W3)."""

    type: str
    scheme: str
    path: str = ""

    def uri(self, host: str, port: int) -> str:
        """Return the address of this service at a host."""
        return f"{self.scheme}://{host}:{port}" + (f"/{self.path}" if self.path else "")


_VIRTUAL_FACTORY = Service("VIRTUAL_FACTORY", "http", "virtualfactory")
_VSM = Service("VIRTUAL_SYSTEM_MONITOR", "http", "vsm")
_NARS = Service("NARS", "http", "nars")
# By role and protocol of the API's neighbour.
_SERVICES: dict[tuple[str, str], tuple[Service, ...]] = {
    ("rs", "http"): (
        _VIRTUAL_FACTORY,
        _VSM,
        Service("APPLIANCE_MANAGER", "http", "am"),
        _NARS,
        Service("XAS", "http", "xas"),
    ),
    ("bpm", "http"): (Service("BPM_SERVICE", "http", "bpm-async"),),
    ("prs", "http"): (_VIRTUAL_FACTORY, _VSM, _NARS),
    ("guacamole", "guacd"): (Service("REMOTE_ACCESS", "guacd"),),
    ("dhcp", "omapi"): (Service("DHCP_SERVICE", "omapi"),),
    ("dhcp", "dnsmasq"): (Service("DHCP_SERVICE", "dnsmasq"),),
}
# Whose remote services make a site a datacenter, and whose a public cloud region.
DATACENTER, REGION = "rs", "prs"


def services(neighbour: Neighbour) -> Iterator[tuple[str, str]]:
    """Yield type and address of each remote service that a neighbour of the API offers."""
    for service in _SERVICES.get((neighbour.role, neighbour.protocol), ()):
        yield service.type, service.uri(neighbour.node, neighbour.port)


def api_targets(settings: Settings) -> list[Target]:
    """Return where a node asks the API: at its public address first (row 15: the API's location URL)."""
    places = [
        *settings.to("https", "frontend"),
        *settings.to("http", "frontend"),
        *settings.to("http", "api"),
    ]
    return [Target(one.protocol, one.node, one.port, secrets=settings.secrets) for one in places]
