"""What a web application gets to work with: the node's settings and its living connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labgen_stub import roles
from labgen_stub.checks import Checks
from labgen_stub.links.broker import Broker, Setup
from labgen_stub.wire.outcome import Result, question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.routing import BaseRoute

    from labgen_stub.links.election import Election
    from labgen_stub.settings import Neighbour, Settings
    from labgen_stub.wire import Target

PATIENCE = 2.0
_SECOND_LOOK = 0.5


@dataclass(slots=True)
class WebApp:
    """One web application: what it serves, and what it does beside serving.

    Attributes:
        routes: with their full paths.
        setups: what to declare and consume on each new connection to the broker.
        tasks: coroutines that run until the process ends.
        on_stop: called as soon as the process is asked to end, before running requests are waited for.
    """

    routes: list[BaseRoute]
    setups: list[Setup] = field(default_factory=list)
    tasks: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    on_stop: list[Callable[[], None]] = field(default_factory=list)


class Node:
    """This server, as its web applications see it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.checks = Checks(settings.neighbours, self._ask)
        self.broker: Broker | None = None
        self.election: Election | None = None
        if brokers := settings.to("amqp"):
            self.broker = Broker([self.target(one) for one in brokers], settings.node)

    def target(self, neighbour: Neighbour) -> Target:
        """Return the question to a neighbour that tells whether it works."""
        return roles.target(neighbour, self.settings.secrets, PATIENCE)

    async def _ask(self, neighbour: Neighbour) -> Result:
        """Ask a neighbour, over the connection that stands if there is one."""
        target, broker, election = self.target(neighbour), self.broker, self.election
        if neighbour.protocol == "amqp" and broker is not None and broker.connected_to == neighbour.node:
            return await question(target, PATIENCE, _SECOND_LOOK, lambda _: broker.ping())
        result = await question(target, PATIENCE, _SECOND_LOOK)
        if neighbour.protocol == "zookeeper" and result.good and election is not None:
            # The server speaks; that our session with it stands is the other half.
            return await question(target, PATIENCE, _SECOND_LOOK, lambda _: election.ping())
        return result
