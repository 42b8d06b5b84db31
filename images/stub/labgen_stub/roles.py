"""What a server asks of a neighbour to know that it works. The only place where roles have names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen_stub.wire import Target, known_protocols

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.settings import Neighbour

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
