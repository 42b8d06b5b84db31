"""What a web application gets to work with: the node's settings and its living connections."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labgen_stub import roles
from labgen_stub.checks import Checks
from labgen_stub.links.broker import Broker, Setup
from labgen_stub.settings import SettingsError
from labgen_stub.wire.outcome import Result, question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.routing import BaseRoute

    from labgen_stub.links.election import Election
    from labgen_stub.settings import Neighbour, Settings
    from labgen_stub.wire import Target

log = logging.getLogger(__name__)
# Protocols of which the first neighbour is met at the start, and those of which all are.
_FIRST = frozenset({"mysql", "redis", "nfs", "ec2"})
_ALL = frozenset({"omapi"})
_BUILT_FROM = (
    *("lab", "node", "role", "site", "datacenter_id"),
    *("webapps", "listens", "retention_hours"),
)
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


def zookeepers(settings: Settings) -> str:
    """Return the addresses of the ensemble as its clients take them."""
    return ",".join(f"{one.node}:{one.port}" for one in settings.to("zookeeper"))


def beginning(old: Settings, new: Settings) -> str:
    """Return what differs of that which a node is built from at its start; nothing when that is the same."""
    for name in _BUILT_FROM:
        if getattr(old, name) != getattr(new, name):
            return f"{name} is {getattr(new, name)} instead of {getattr(old, name)}"
    for protocol in sorted({one.protocol for one in (*old.neighbours, *new.neighbours)}):
        was, now = old.to(protocol), new.to(protocol)
        if protocol in _FIRST:
            same = was[:1] == now[:1]
        else:
            same = was == now if protocol in _ALL else bool(was) == bool(now)
        if not same:
            names = [" ".join(one.node for one in these) or "nobody" for these in (was, now)]
            return f"{protocol} leads to {names[1]} instead of {names[0]}"
    return ""


class Node:
    """This server, as its web applications see it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.checks = Checks(lambda: self.settings.neighbours, self._ask)
        self.broker: Broker | None = None
        self.election: Election | None = None
        if brokers := settings.to("amqp"):
            self.broker = Broker([self.target(one) for one in brokers], settings.node)

    def take(self, settings: Settings) -> None:
        """Go on with other neighbours; what stands between this node and those that stay is not touched.

        Raises:
            SettingsError: a change that only a new start takes over; nothing has changed then.
        """
        if changed := beginning(self.settings, settings):
            raise SettingsError(f"{changed}: only a new start takes that over")
        before, self.settings = self.settings, settings
        if settings == before:
            return
        if self.broker is not None:
            self.broker.move([self.target(one) for one in settings.to("amqp")])
        if self.election is not None:
            self.election.move(zookeepers(settings))
        names = [{one.node for one in these.neighbours} for these in (before, settings)]
        log.info(
            "other neighbours", extra={"come": sorted(names[1] - names[0]), "go": sorted(names[0] - names[1])}
        )

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
