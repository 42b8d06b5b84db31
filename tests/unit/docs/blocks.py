"""The parts of pages that are made from the program and the catalogue, and how they are put in.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. After a change that is meant,
`LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/docs` writes them all anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from labgen.assets import templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.templates import load_service
from labgen.units import format_bytes
from tests.unit.docs import program

if TYPE_CHECKING:
    from labgen.catalogue.model import Connection
    from labgen.plan.model import LabPlan

__all__ = ["BLOCK", "made", "refreshed", "table"]

BLOCK = re.compile(
    r"^<!-- generated: (?P<name>[^\n]+) -->\n(?P<text>.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL
)


@cache
def _small() -> LabPlan:
    return make_plan(default_catalogue(), LabSpec(), "small")


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _servers() -> str:
    catalogue, plan = default_catalogue(), _small()
    rows = []
    for role in catalogue.roles.values():
        if role.template is None:
            continue
        names = ", ".join(f"`{node.name}`" for node in plan.nodes if node.role == role.id)
        ports = {
            f"{row.ports.removesuffix('/tcp')} {row.protocol}"
            for row in plan.connections
            if row.destination == role.id
        }
        rows.append(
            [
                f"`{role.id}`",
                names,
                role.server,
                role.title,
                ", ".join(sorted(ports, key=lambda one: (int(re.findall(r"\d+", one)[0]), one))) or "nothing",
                f"`{load_service(templates_dir() / role.template).image}`",
                f"{format_bytes(role.memory.typical)}, {format_bytes(role.memory.limit)}",
            ]
        )
    return table(
        ["role", "in the small lab", "server", "what it is", "listens on", "image", "memory at rest, limit"],
        rows,
    )


def _without_server() -> str:
    roles = default_catalogue().roles.values()
    return table(["role", "what it is"], [[f"`{one.id}`", one.title] for one in roles if not one.template])


def _row(row: Connection) -> list[str]:
    return [row.id, f"`{row.source}` → `{row.destination}`", row.protocol, row.ports, row.purpose]


def _connections() -> str:
    return table(
        ["row", "from → to", "protocol", "port", "purpose", "provenance", "reference", "note"],
        [[*_row(row), str(row.provenance), row.reference, row.note] for row in _small().connections],
    )


def _other_connections() -> str:
    catalogue = default_catalogue()

    def why(row: Connection) -> str:
        if not catalogue.realisable(row):
            return "no server in the lab"
        if topics := catalogue.data_only(row):
            return ", ".join(f"no server does `{topic}: {row.variant[topic]}`" for topic in topics)
        return ", ".join(f"`variants.{topic}: {choice}`" for topic, choice in row.variant.items())

    return table(
        ["row", "from → to", "protocol", "port", "purpose", "provenance", "reference", "realised with"],
        [
            [*_row(row), str(row.provenance), row.reference, why(row)]
            for row in catalogue.connections
            if row.id not in _small().connection_by_id
        ],
    )


def _variants() -> str:
    catalogue = default_catalogue()
    rows = []
    for topic, variant in catalogue.variants.items():
        for choice, meaning in variant.choices.items():
            ids = [one for one in catalogue.connections if one.variant.get(topic) == choice]
            who = dict.fromkeys(f"{one.provenance} ({one.reference})" for one in ids)
            name = f"**`{choice}`** (default)" if choice == variant.default else f"`{choice}`"
            rows.append([f"`{topic}`", variant.title, name, meaning, ", ".join(who) or "no connection"])
    return table(["key", "matter", "choice", "meaning", "who says so"], rows)


def _keys() -> str:
    def default(name: str) -> str:
        value = LabSpec.model_fields[name].default
        return "" if value in (None, {}) else f"`{value}`"

    return table(
        ["key", "default", "meaning"],
        [[f"`{name}`", default(name), one.description or ""] for name, one in LabSpec.model_fields.items()],
    )


_MADE: dict[str, Callable[[], str]] = {
    "servers": _servers,
    "roles without a server": _without_server,
    "connections of the small lab": _connections,
    "other connections": _other_connections,
    "variants": _variants,
    "keys": _keys,
    "commands": lambda: table(
        ["command", "what it does"],
        [
            [f"[`labgen {name}`](docs/commands.md#labgen-{name.replace(' ', '-')})", program.summary(command)]
            for name, command in program.commands().items()
        ],
    ),
}


def made(name: str) -> str:
    """Return what the part `name` should hold now."""
    if name.startswith("labgen "):
        return program.reference(name.removeprefix("labgen "), table)
    return _MADE[name]()


def refreshed(text: str) -> str:
    """Return a page with all its parts as they should be."""
    return BLOCK.sub(lambda one: f"<!-- generated: {one['name']} -->\n{made(one['name'])}<!-- end -->", text)
