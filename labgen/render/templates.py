"""A role's templates: `service.yaml`, parsed first and evaluated afterwards, and its text templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, TemplateError
from jinja2.nativetypes import NativeEnvironment
from pydantic import Field, ValidationError

from labgen.catalogue.load import read_yaml
from labgen.catalogue.model import Facts
from labgen.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labgen.plan.model import LabPlan, Neighbour, Node

__all__ = ["ServiceTemplate", "TextTemplate", "context_of", "load_service", "load_text", "neighbour_facts"]

_NATIVE = NativeEnvironment(undefined=StrictUndefined, autoescape=False)
_TEXT = Environment(
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - configuration files, not HTML
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class ServiceTemplate(Facts):
    """What `service.yaml` may say (docs/contract.md); everything else render adds by itself."""

    image: str
    command: list[Any] | str | None = None
    environment: dict[str, Any] = {}
    files: dict[str, str] = {}
    secrets: list[str] = []
    tls: bool = False
    volumes: dict[str, str] = {}
    tmpfs: dict[str, str] = {}
    cap_add: list[str] = []
    read_only: bool = True
    health: list[str] = Field(min_length=1)
    stop_signal: str | None = None

    def evaluated(self, key: str, context: Mapping[str, Any]) -> Any:
        """Return the field `key` with its expressions evaluated in `context`."""
        return _evaluate(getattr(self, key), context)


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """A configuration file. Without `.j2` in its name it is copied as it is."""

    path: Path
    source: Any

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text for one node. Raises InvalidInput that names the file."""
        if isinstance(self.source, str):
            return self.source
        try:
            return str(self.source.render(context))
        except TemplateError as error:
            raise InvalidInput(f"{self.path}: {error}") from error


@cache
def load_service(folder: Path) -> ServiceTemplate:
    """Return the template in `folder`. Raises InvalidInput with the file and the key."""
    path = folder / "service.yaml"
    try:
        return ServiceTemplate.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise InvalidInput("\n".join(faults)) from error


@cache
def load_text(path: Path) -> TextTemplate:
    """Return the configuration file or template `path`. Raises InvalidInput when it is missing or invalid."""
    try:
        text = path.read_text("utf-8")
        return TextTemplate(path, _TEXT.from_string(text) if path.suffix == ".j2" else text)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from error
    except TemplateError as error:
        raise InvalidInput(f"{path}: {error}") from error


@cache
def _compiled(expression: str) -> Any:
    return _NATIVE.from_string(expression)


def _evaluate(value: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and "{{" in value:
        try:
            return _compiled(value).render(context)
        except TemplateError as error:
            raise InvalidInput(f"template expression {value!r}: {error}") from error
    if isinstance(value, dict):
        return {key: _evaluate(one, context) for key, one in value.items()}
    if isinstance(value, list):
        return [_evaluate(one, context) for one in value]
    return value


def context_of(plan: LabPlan, node: Node) -> dict[str, Any]:
    """Return the names that expressions and text templates of `node` may use (docs/contract.md)."""
    published = {one.port: one.host_port for one in plan.published if one.node == node.name}
    outgoing = [neighbour_facts(one) for one in plan.neighbours(node)]
    incoming = [neighbour_facts(one) for one in plan.clients(node)]
    return {
        "lab": {"name": plan.name},
        "node": {**_node_facts(node), "datacenter_id": node.site, "published": published},
        "neighbours": lambda role=None, protocol=None: _filtered(outgoing, role, protocol),
        "clients": lambda role=None, protocol=None: _filtered(incoming, role, protocol),
        "nodes": lambda role: [_node_facts(one) for one in plan.nodes if one.role == role],
    }


def neighbour_facts(one: Neighbour) -> dict[str, Any]:
    """Return a neighbour as `node.json` and templates see it."""
    row = one.connection
    facts: dict[str, Any] = {"connection": row.id, "role": one.node.role}
    facts |= {"node": one.node.name, "site": one.node.site}
    return facts | {"protocol": row.protocol, "transport": row.transport, "port": row.port}


def _node_facts(node: Node) -> dict[str, Any]:
    return {"name": node.name, "role": node.role, "site": node.site, "number": node.number}


def _filtered(found: list[dict[str, Any]], role: str | None, protocol: str | None) -> list[dict[str, Any]]:
    return sorted(
        (
            one
            for one in found
            if (role is None or one["role"] == role) and (protocol is None or one["protocol"] == protocol)
        ),
        key=lambda one: str(one["node"]),
    )
