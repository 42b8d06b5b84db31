"""What the parts of the API share: where it is, who asks, and where its state is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from labgen_stub.links.store import Store
    from labgen_stub.node import Node
    from labgen_stub.webapps.api.auth import Authenticator
    from labgen_stub.webapps.api.events import Events
    from labgen_stub.webapps.api.kinton import Kinton
    from labgen_stub.webapps.api.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class Api:
    """One node's API.

    Attributes:
        root: path of the entry point, `/api`.
        database: MySQL, where the state is.
        store: Redis, for what may be lost.
        wake: to be called after a transaction that may have left messages to be sent.
    """

    root: str
    node: Node
    database: Kinton
    store: Store
    tokens: TokenStore
    authenticator: Authenticator
    events: Events
    wake: Callable[[], None]

    def leads(self) -> bool:
        """Tell whether this node does what one node alone may do; without ZooKeeper there is only one."""
        election = self.node.election
        return election is None or election.leader
