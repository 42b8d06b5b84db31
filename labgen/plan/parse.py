"""Turns `lab.yaml` and `--set` into a `LabSpec`; says everything that is wrong with them at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError

from labgen.catalogue.load import read_yaml, yaml_loader
from labgen.errors import InvalidInput
from labgen.nearest import did_you_mean, what_there_is
from labgen.plan.spec import LabSpec, Resources, SiteSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from labgen.catalogue.model import Catalogue, Facts

__all__ = ["check_name", "check_spec", "parse_spec"]

# Docker takes no other names for projects; 32 keeps the longest container name below a host name's 63.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEYS_BY_PARENT: Final[dict[str, type[Facts]]] = {"": LabSpec, "sites": SiteSpec, "resources": Resources}


def check_name(name: str) -> str:
    """Return `name` if a lab may bear it. Raises InvalidInput otherwise."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"'{name}' is not a name for a lab",
            "Take at most 32 lower-case letters, digits and hyphens, a letter or digit first.",
        )
    return name


def parse_spec(
    catalogue: Catalogue,
    file: Path | None = None,
    sets: Sequence[str] = (),
    size: str | None = None,
    base: LabSpec | None = None,
) -> LabSpec:
    """Return what the user asks for: `file`, or else `base`, then `size`, then each `KEY=VALUE` of `sets`.

    A key of `sets` is a path in `lab.yaml` (`resources.api.memory`), or the name of a role, which
    sets its count. Raises InvalidInput that lists every fault with its place.
    """
    raw = read_yaml(file) if file else base.model_dump(mode="json", exclude_defaults=True) if base else {}
    where = str(file) if file else "--set"
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where}: must be a mapping of keys, not {type(raw).__name__}")
    if size is not None:
        if size not in catalogue.sizes:
            raise InvalidInput(f"--size: unknown size '{size}'{what_there_is(size, catalogue.sizes)}")
        raw["size"] = size
    for one in sets:
        _set(catalogue, raw, one)
    try:
        spec = LabSpec.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput(_message(where, (_describe(one) for one in error.errors()))) from error
    return check_spec(catalogue, spec, where)


def check_spec(catalogue: Catalogue, spec: LabSpec, where: str) -> LabSpec:
    """Return `spec` if all that it names exists. Raises InvalidInput with every fault, behind `where`."""
    if faults := list(_faults(catalogue, spec)):
        raise InvalidInput(_message(where, faults))
    return spec


def _message(where: str, faults: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(f"{where}: {fault}" for fault in faults)


def _set(catalogue: Catalogue, raw: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise InvalidInput(f"--set {text}: write KEY=VALUE, for example --set api=2")
    if len(path) == 1 and path[0] in catalogue.roles:
        path.insert(0, "counts")
    if len(path) == 1 and path[0] not in LabSpec.model_fields:
        known = [*LabSpec.model_fields, *catalogue.roles]
        raise InvalidInput(f"--set {text}: unknown key '{path[0]}'{did_you_mean(path[0], known)}")
    try:
        parsed = yaml.load(value, Loader=yaml_loader)  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-13-45
        raise InvalidInput(f"--set {text}: the value is not valid YAML") from error
    target = raw
    for part in path[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise InvalidInput(f"--set {text}: '{part}' has no keys below it")
    target[path[-1]] = parsed


def _describe(error: Any) -> str:
    location = [str(part) for part in error["loc"]]
    place = ".".join(location)
    if error["type"] == "extra_forbidden":
        parent = location[0] if len(location) > 1 else ""
        known = _KEYS_BY_PARENT.get(parent, LabSpec).model_fields
        return f"{place}: unknown key{did_you_mean(location[-1], known)}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')} (got {error['input']!r})"


def _faults(catalogue: Catalogue, spec: LabSpec) -> Iterator[str]:
    if spec.size not in catalogue.sizes:
        yield f"size: unknown size '{spec.size}'{what_there_is(spec.size, catalogue.sizes)}"
    for key, names in (("counts", spec.counts), ("resources", spec.resources), ("images", spec.images)):
        for role in names:
            yield from _role_faults(catalogue, f"{key}.{role}", role)
    for site, differs in spec.sites.items():
        for role in differs.counts:
            yield from _role_faults(catalogue, f"sites.{site}.counts.{role}", role)
    published = {name for role in catalogue.roles.values() for name in role.publish}
    for name in spec.ports:
        if name not in published:
            yield f"ports.{name}: nothing is published by this name{what_there_is(name, published)}"
    yield from _variant_faults(catalogue, spec)


def _variant_faults(catalogue: Catalogue, spec: LabSpec) -> Iterator[str]:
    for topic, choice in spec.variants.items():
        if topic not in catalogue.variants:
            yield f"variants.{topic}: unknown variant{what_there_is(topic, catalogue.variants)}"
            continue
        variant = catalogue.variants[topic]
        if choice not in variant.choices:
            yield f"variants.{topic}: '{choice}' is no choice{what_there_is(choice, variant.choices)}"
        elif choice in variant.data_only:
            yield f"variants.{topic}: '{choice}' is documented, but labgen has no server that does it"


def _role_faults(catalogue: Catalogue, place: str, role: str) -> Iterator[str]:
    known = catalogue.roles.get(role)
    if known is None:
        yield f"{place}: unknown role '{role}'{did_you_mean(role, catalogue.roles)}"
    elif known.template is None:
        yield f"{place}: role '{role}' is documented, but labgen has no server for it"
