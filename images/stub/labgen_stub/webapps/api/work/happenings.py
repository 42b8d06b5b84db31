"""Events: a row for `/api/events`, and a message for whoever listens to the stream (platform.md 2.4, 2.5).

Field names are those of the platform's stream (W11). `details` and `id` are ours: a listener that hears an
event twice knows it by its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labgen_stub.messages import EVENTS_EXCHANGE, EVENTS_KIND, now
from labgen_stub.webapps.api.work import outbox, paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen_stub.links.database import Session

INFO, WARN, ERROR = "INFO", "WARN", "ERROR"


@dataclass(frozen=True, slots=True)
class Author:
    """Who made something happen; without a number it is the platform itself."""

    id: int | None = None
    nick: str = "SYSTEM"
    enterprise_id: int | None = None
    enterprise_name: str = ""


SYSTEM = Author()


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened.

    Attributes:
        action: DEPLOY_START, DEPLOY_FINISH, DEPLOY_FAIL, and so on for each kind of task.
        entity: VIRTUAL_MACHINE, TEMPLATE, DATACENTER, ...
        uri: path of the entity.
        enterprise_id: whose users may see it; None for administrators of the platform only.
        context: what belongs together has the same one: the task.
    """

    action: str
    entity: str
    uri: str
    author: Author = SYSTEM
    enterprise_id: int | None = None
    severity: str = INFO
    component: str = "API"
    context: str = "API"
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self, at: int) -> dict[str, Any]:
        """Return the event as M hands it on."""
        author = self.author
        known = author.enterprise_id is not None
        document: dict[str, Any] = {
            "timestamp": at,
            "type": self.entity,
            "action": self.action,
            "entity": self.entity,
            "severity": self.severity,
            "component": self.component,
            "context": self.context,
            "user": author.nick,
            "entityURI": self.uri,
        }
        if author.enterprise_id is not None and author.id is not None:
            document["userURI"] = paths.user(author.enterprise_id, author.id)
        if known and author.enterprise_id is not None:
            document["enterpriseName"] = author.enterprise_name
            document["enterpriseURI"] = paths.enterprise(author.enterprise_id)
        if self.details:
            document["details"] = dict(self.details)
        return document


async def tell(session: Session, what: Happening) -> None:
    """Write an event down, and take it on its way."""
    at = now()
    owner = what.enterprise_id if what.enterprise_id is not None else what.author.enterprise_id
    await write(session, what.document(at), owner)


async def write(session: Session, document: Mapping[str, Any], enterprise_id: int | None) -> None:
    """Write a finished document down, and take it on its way with the number that it got."""
    number = await session.insert(
        "INSERT INTO event (timestamp, severity, type, action, component, user, enterprise_id, document) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        document["timestamp"],
        document["severity"],
        document["type"],
        document["action"],
        document["component"],
        document.get("user", ""),
        enterprise_id,
        json.dumps(dict(document)),
    )
    body = json.dumps({"id": number, **document}).encode()
    await outbox.put(session, EVENTS_EXCHANGE, EVENTS_KIND, "", body)
