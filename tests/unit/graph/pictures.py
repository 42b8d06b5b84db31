"""Pictures to look at: of plans, of a running lab with faults, and one full of signs that mean something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgen.catalogue.model import Connection
from labgen.plan.spec import LabSpec
from labgen.render.graph.model import Arrow, Box, Picture, Place, Port, Server, picture_of
from tests.unit.plan.specs import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CUT", "NASTY", "STATES", "connections", "drawn", "faulty", "nasty"]

#: What no name of labgen's has, and what somebody's catalogue may have all the same.
NASTY = [
    "a\"b'c",
    "<b>x</b>",
    "`md`",
    "x|y",
    "[q](r){s}",
    "end",
    "o-1",
    "a\\b",
    "#35;",
    "%%c",
    "-->",
    "a&amp;b",
    "é→",
]
STATES = {"api-1": "starting", "m-1": "unhealthy", "mysql-1": "stopped", "redis-1": "paused"}
CUT = ("api-1", "mysql-1")


def drawn(name: str = "lab", **spec: Any) -> Picture:
    """Return the picture of a plan."""
    return picture_of(plan_of(LabSpec.model_validate(spec), name))


def faulty() -> Picture:
    """Return the small lab while it runs, not all of it well, without ui-1, and with one wire cut."""
    plan = plan_of(LabSpec(), "small")
    states = {node.name: "healthy" for node in plan.nodes if node.name != "ui-1"} | STATES
    return picture_of(plan, states, frozenset({CUT, CUT[::-1]}))


def nasty() -> Picture:
    """Return a picture whose every text is full of signs; each node connects to the next."""
    row = Connection.model_validate(
        {"id": "1", "from": "a", "to": "b", "protocol": 'p"<i>`\\', "port": 80, "reference": "</script>&"}
        | {"purpose": "<script>alert(1)</script>", "provenance": "inferred"}
    )
    ports = (Port(row.protocol, "80", ""),)
    boxes = [Box(name, "role", "server", actor=False, state=None, ports=ports) for name in NASTY]
    return Picture(
        lab='n"x\\<',
        caption='c;a#p\n%% <i>"',
        live=False,
        places=(Place("p", "p", '<p>"q"`|', "", outside=False, servers=(Server('s"|`</g>', tuple(boxes)),)),),
        arrows=tuple(
            Arrow(one, other, row.provenance, (row,), cut=False)
            for one, other in zip(NASTY, [*NASTY[1:], NASTY[0]], strict=True)
        ),
    )


def connections(picture: Picture) -> Iterator[tuple[str, str, str]]:
    """Yield (source, destination, row id) for every connection of a picture."""
    for arrow in picture.arrows:
        yield from ((arrow.source, arrow.destination, row.id) for row in arrow.rows)
