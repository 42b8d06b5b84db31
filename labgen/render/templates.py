"""A role's templates: `service.yaml`, parsed first and evaluated afterwards, and its text templates."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final

from jinja2 import Environment, StrictUndefined, TemplateError, Undefined
from pydantic import Field, ValidationError, field_validator

from labgen.catalogue.load import read_yaml
from labgen.catalogue.model import Facts
from labgen.errors import InvalidInput
from labgen.names import NODE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labgen.plan.model import LabPlan, Neighbour, Node

__all__ = [
    "ServiceTemplate",
    "TextTemplate",
    "context_of",
    "load_service",
    "load_text",
    "neighbours_of",
    "peers_of",
]

#: What an expression of a template's author can raise.
_FAULTS: Final = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
#: What labgen itself puts there (docs/contract.md).
_OWN: Final = tuple(
    f"{NODE_FOLDER}/{one}" for one in ("node.json", "firewall.nft", "ca.crt", "tls.crt", "cuts")
)
_LONE: Final = re.compile(r"\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)
_NUMBERS: Final = re.compile(r"(\d+)")
_TEXT: Final = Environment(
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
    reload: list[str] = []
    stop_signal: str | None = None
    cpu_shares: Annotated[int, Field(ge=2, le=262144)] | str | None = None
    cpus: Annotated[float, Field(gt=0, le=1024)] | None = None

    @field_validator("files")
    @classmethod
    def _leave_what_is_labgens(cls, files: dict[str, str]) -> dict[str, str]:
        for source, target in files.items():
            if target in _OWN or any(target.startswith(f"{one}/") for one in _OWN):
                raise ValueError(f"{target} is made by labgen for every node")
            # Elsewhere the rendered file has its source's name, and that is outside of the node's folder.
            if ".." in PurePosixPath(source).parts and not target.startswith(f"{NODE_FOLDER}/"):
                raise ValueError(f"{source} is another role's: only a file below {NODE_FOLDER} can be")
        return files

    def evaluated(self, key: str, context: Mapping[str, Any]) -> Any:
        """Return the field `key` with its expressions evaluated in `context`.

        Raises InvalidInput that names the template and the key.
        """
        return _evaluate(getattr(self, key), context, f"{context['template']}: {key}")


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
        except _FAULTS as error:
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
def _compiled(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return what evaluates `expression`: a lone `{{ … }}` gives a native value, anything else text."""
    lone = _LONE.fullmatch(expression)
    if lone is None:
        return _TEXT.from_string(expression).render
    evaluate = _TEXT.compile_expression(lone[1], undefined_to_none=False)

    def native(context: Mapping[str, Any]) -> Any:
        value = evaluate(context)
        if isinstance(value, Undefined):
            str(value)  # raises: a name that nobody knows is a mistake
        return value

    return native


def _evaluate(value: Any, context: Mapping[str, Any], place: str) -> Any:
    if isinstance(value, str):
        found = _evaluate_text(value, context, place) if "{{" in value else value
        # Compose replaces $NAME in what it reads; here nothing is meant for it.
        return found.replace("$", "$$") if isinstance(found, str) else found
    if isinstance(value, dict):
        return {key: _evaluate(one, context, place) for key, one in value.items()}
    if isinstance(value, list):
        return [_evaluate(one, context, place) for one in value]
    return value


def _evaluate_text(text: str, context: Mapping[str, Any], place: str) -> Any:
    try:
        return _compiled(text)(context)
    except _FAULTS as error:
        raise InvalidInput(f"{place}: {text}: {error}") from error


def context_of(plan: LabPlan, node: Node) -> dict[str, Any]:
    """Return the names that expressions and text templates of `node` may use (docs/contract.md)."""
    published = {one.port: one.host_port for one in plan.published if one.node == node.name}
    outgoing = neighbours_of(plan, node)
    incoming = [_neighbour_facts(one, one.node.name) for one in plan.clients(node)]
    return {
        "lab": {"name": plan.name},
        "node": {
            **_node_facts(node),
            "datacenter_id": node.site,
            "published": published,
            "addresses": {one.link: one.address for one in node.interfaces},
            "virtual": [asdict(one) for one in plan.shared_by(node)],
            "peers": peers_of(plan, node),
        },
        "neighbours": lambda role=None, protocol=None: _filtered(outgoing, role, protocol),
        "clients": lambda role=None, protocol=None: _filtered(incoming, role, protocol),
        "nodes": lambda role: [_node_facts(one) for one in plan.nodes if one.role == role],
    }


def neighbours_of(plan: LabPlan, node: Node) -> list[dict[str, Any]]:
    """Return the neighbours of `node` as `node.json` and templates see them; who share an address are one."""
    found = {(one.connection.id, one.host): one for one in plan.neighbours(node)}
    return [_neighbour_facts(one, host) for (_, host), one in found.items()]


def peers_of(plan: LabPlan, node: Node) -> list[dict[str, str]]:
    """Return the other nodes of the role with their addresses, where a connection joins them."""
    found: list[dict[str, str]] = []
    for interface in node.interfaces:
        link = plan.link_by_name[interface.link]
        if link.roles[0] == link.roles[1]:
            others = (plan.node_by_name[one] for one in link.members if one != node.name)
            found += [
                {"name": one.name, "link": link.name, "address": place.address}
                for one in others
                for place in one.interfaces
                if place.link == link.name
            ]
    return found


def _neighbour_facts(one: Neighbour, name: str) -> dict[str, Any]:
    row = one.connection
    facts: dict[str, Any] = {"connection": row.id, "role": one.node.role}
    facts |= {"node": name, "site": one.node.site}
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
        key=lambda one: _NUMBERS.sub(lambda found: found[0].zfill(6), str(one["node"])),  # 2 before 10
    )
