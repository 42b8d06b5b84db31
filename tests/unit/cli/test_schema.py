"""The schema of lab.yaml: an editor and labgen agree on what is right and what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from labgen.plan.spec import MAX_COUNT, LabSpec
from tests.unit.cli.program import Program

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}
KEYWORDS = {
    *("$ref", "$defs", "$schema", "anyOf", "type", "properties", "additionalProperties", "required"),
    *("minimum", "maximum", "exclusiveMinimum", "pattern", "default", "description", "title", "format"),
}


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Whether `value` is valid, for as much of JSON Schema as the schema may use."""
    assert set(schema) <= KEYWORDS, f"this test knows nothing of {set(schema) - KEYWORDS}"
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "anyOf" in schema:
        return any(accepts(one, value, root) for one in schema["anyOf"])
    if "type" in schema and not is_a(schema["type"], value):
        return False
    if isinstance(value, dict):
        return accepts_keys(schema, value, root)
    if isinstance(value, int | float):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        return bool(low <= value <= high and value > schema.get("exclusiveMinimum", value - 1))
    return not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None


def is_a(name: str, value: Any) -> bool:
    truth_is_no_number = isinstance(value, bool) and name in {"integer", "number"}
    return isinstance(value, TYPES[name]) and not truth_is_no_number


def accepts_keys(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    rules = [(known.get(key, others), one) for key, one in value.items()]
    complete = set(schema.get("required", ())) <= set(value)
    return complete and all(rule is True or (rule and accepts(rule, one, root)) for rule, one in rules)


@pytest.fixture
def schema(labgen: Program) -> dict[str, Any]:
    ran = labgen("schema")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = ran.json
    return found


def test_which_draft_it_follows(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] == "object"
    assert set(schema["properties"]) == set(LabSpec.model_fields)


def test_every_key_says_what_it_is(schema: dict[str, Any]) -> None:
    for name, one in schema["properties"].items():
        assert one.get("description"), name


def test_no_key_is_needed_and_none_is_unknown(schema: dict[str, Any]) -> None:
    assert not schema.get("required")
    assert schema["additionalProperties"] is False
    for name, one in schema["$defs"].items():
        if one["type"] == "object":
            assert one["additionalProperties"] is False, name


RIGHT = """\
{}
---
size: small
datacenters: 2
regions: 0
counts: {api: 2, rs: 0}
sites: {dc1: {counts: {rs: 2}}}
supernet: 10.20.0.0/16
bind: 127.0.0.1
ports: {https: 9443}
resources: {api: {memory: 256MiB, cpus: 0.5}, m: {cpus: 1}}
images: {api: "vendor/api:6.1"}
variants: {console: haproxy}
---
datacenters: null
supernet: null
resources: {api: {memory: null, cpus: null}}
"""
WRONG = [
    "datacentres: 2",
    "datacenters: -1",
    f"datacenters: {MAX_COUNT + 1}",
    "datacenters: two",
    "counts: 2",
    "counts: {api: -1}",
    "counts: {api: many}",
    "counts: {api: null}",
    "counts: {api: 1.5}",
    "sites: {dc1: {count: {rs: 2}}}",
    "ports: {https: 0}",
    "ports: {https: 70000}",
    "resources: {api: {memory: [1]}}",
    "resources: {api: {cpus: 0}}",
    "resources: {api: {disk: 1GiB}}",
    "images: {api: 7}",
    "size: 7",
]


@pytest.mark.parametrize("value", list(yaml.safe_load_all(RIGHT)))
def test_what_is_right(schema: dict[str, Any], value: Any) -> None:
    assert accepts(schema, value, schema)
    LabSpec.model_validate(value)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(schema: dict[str, Any], text: str) -> None:
    value = yaml.safe_load(text)
    assert not accepts(schema, value, schema)
    with pytest.raises(ValueError, match="validation error"):
        LabSpec.model_validate(value)


def test_memory_may_be_written_as_people_write_it(schema: dict[str, Any]) -> None:
    for memory in ("256MiB", "1.5GiB", 268435456):
        value = {"resources": {"api": {"memory": memory}}}
        LabSpec.model_validate(value)
        assert accepts(schema, value, schema), memory
