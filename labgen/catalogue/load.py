"""Reads the facts. Everything that is wrong with them is said at once, each with its file and key."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError

from labgen.catalogue.model import Catalogue
from labgen.errors import InvalidInput
from labgen.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["default_catalogue", "load_catalogue", "read_yaml", "yaml_loader"]

#: The number of VRRP among the IP protocols.
VRRP: Final = 112
# The C loader is ten times faster and reads the same; a platform without libyaml has only the other.
yaml_loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Return what the YAML file holds. Raises InvalidInput that names the file and the line."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=yaml_loader)  # noqa: S506 - both are safe loaders
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is not a text file in UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-13-45
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InvalidInput(f"{path}{where}: is not valid YAML: {problem}") from error


@cache
def default_catalogue() -> Catalogue:
    """Return the documented platform. Raises InvalidInput when the shipped facts contradict themselves."""
    return load_catalogue(Path(__file__).resolve().parent)


def load_catalogue(folder: Path) -> Catalogue:
    """Return the catalogue in `folder`.

    Its files are `roles.yaml`, `connections.yaml`, `variants.yaml`, `sizes/*.yaml`, and, if they are there,
    `tokens.yaml`, `proofs.yaml` and `journey.yaml`. Raises InvalidInput that lists every fault found.
    """
    roles = read_yaml(folder / "roles.yaml")
    raw = {
        "roles": {name: _role(name, fields) for name, fields in roles.items()}
        if isinstance(roles, dict)
        else roles,
        "connections": read_yaml(folder / "connections.yaml"),
        "variants": read_yaml(folder / "variants.yaml"),
        "tokens": _read_if_any(folder / "tokens.yaml"),
        "proofs": _read_if_any(folder / "proofs.yaml"),
        "journey": _read_if_any(folder / "journey.yaml") or (),
        "sizes": {path.stem: read_yaml(path) for path in sorted((folder / "sizes").glob("*.yaml"))},
    }
    try:
        catalogue = Catalogue.model_validate(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise InvalidInput(f"{folder}: the catalogue is invalid\n" + "\n".join(faults)) from error
    if faults := list(_faults(catalogue)):
        raise InvalidInput(f"{folder}: the catalogue is invalid\n" + "\n".join(faults))
    return catalogue


def _read_if_any(path: Path) -> Any:
    return read_yaml(path) if path.exists() else {}


def _role(name: str, fields: Any) -> Any:
    """Return a role with what its key stands for; what is no mapping is left to validation."""
    return {"node": name, "template": name, **fields, "id": name} if isinstance(fields, dict) else fields


def _faults(catalogue: Catalogue) -> Iterator[str]:
    yield from _connection_faults(catalogue)
    for topic, variant in catalogue.variants.items():
        if variant.default not in variant.choices:
            yield f"variants: {topic}: the default '{variant.default}' is none of its choices"
    yield from _reference_faults(catalogue)
    for size, facts in catalogue.sizes.items():
        for name in facts.counts:
            if name not in catalogue.roles:
                yield f"sizes: {size}: unknown role '{name}'{did_you_mean(name, catalogue.roles)}"
            elif catalogue.roles[name].template is None:
                yield f"sizes: {size}: labgen has no server for role '{name}'"
        for topic, choice in facts.variants.items():
            matter = catalogue.variants.get(topic)
            if matter is None or choice not in matter.choices:
                yield f"sizes: {size}: unknown variant '{topic}: {choice}'"


def _connection_faults(catalogue: Catalogue) -> Iterator[str]:
    for name, times in Counter(row.id for row in catalogue.connections).items():
        if times > 1:
            yield f"connections: {name}: the id is used {times} times"
    for row in catalogue.connections:
        if row.transport == "vrrp" and (row.port, row.last_port) != (VRRP, None):
            yield f"connections: {row.id}: transport vrrp has no ports; `port: {VRRP}` is its number"
        for end in (row.source, row.destination):
            if end not in catalogue.roles:
                yield f"connections: {row.id}: unknown role '{end}'{did_you_mean(end, catalogue.roles)}"
        for topic, choice in row.variant.items():
            known = catalogue.variants.get(topic)
            if known is None or choice not in known.choices:
                yield f"connections: {row.id}: unknown variant '{topic}: {choice}'"


def _reference_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield what tokens, proofs and the journey name that is not there."""
    for name, token in catalogue.tokens.items():
        if token.role not in catalogue.roles:
            yield f"tokens: {name}: unknown role '{token.role}'{did_you_mean(token.role, catalogue.roles)}"
        if not any(token.publish in role.publish for role in catalogue.roles.values()):
            yield f"tokens: {name}: no role publishes '{token.publish}'"
    ids = {row.id for row in catalogue.connections}
    for row in catalogue.proofs:
        if row not in ids:
            yield f"proofs: {row}: no connection has this id{did_you_mean(row, ids)}"
    for step in catalogue.journey:
        for row in step.rows:
            if row not in ids:
                yield f"journey: {step.id}: no connection has the id {row}{did_you_mean(row, ids)}"
