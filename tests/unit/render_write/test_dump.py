"""The Compose file: for people, one shared block; for a parser, every service whole."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labgen.render.dump import dump_compose
from labgen.render.lab import COMPOSE_FILE, Rendering

SHARED: dict[str, Any] = {"init": True, "cap_drop": ["ALL"], "logging": {"driver": "json-file"}}


def dumped(services: dict[str, Any], **more: Any) -> str:
    return dump_compose({"name": "labgen-lab", "services": services, **more}, SHARED)


def test_a_parser_sees_the_shared_block_in_every_service() -> None:
    document = yaml.safe_load(dumped({"a": {"image": "x"}, "b": {"image": "y", "init": False}}))
    assert document == {
        "name": "labgen-lab",
        "x-node": SHARED,
        "services": {"a": {**SHARED, "image": "x"}, "b": {**SHARED, "image": "y", "init": False}},
    }


def test_people_read_it_once() -> None:
    lines = dumped({"a": {"image": "x"}, "b": {"image": "y"}}).splitlines()
    assert lines[:2] == ["name: labgen-lab", "x-node: &node"]
    assert lines.count("    <<: *node") == 2
    assert sum("json-file" in line for line in lines) == 1


def test_nothing_else_is_an_alias() -> None:
    same = ["8080:80"]
    text = dumped({"a": {"ports": same, "more": same}, "b": {"ports": same}}, networks={"x": same})
    assert text.count("&") == 1
    assert text.count("*node") == 2
    assert "id00" not in text


def test_one_service_or_none() -> None:
    assert yaml.safe_load(dumped({"a": {}}))["services"] == {"a": SHARED}
    assert yaml.safe_load(dumped({})) == {"name": "labgen-lab", "x-node": SHARED, "services": {}}


@pytest.mark.parametrize(
    "value", ["<<", "*node", "&id001", "*id001", "a: b", "# x", "no", "012", "", "ä", "\n"]
)
def test_values_stay_what_they_are(value: str) -> None:
    """What looks like our anchor in a value is a value."""
    document = yaml.safe_load(dumped({"a": {"environment": {"KEY": value, "TEXT": f"see {value} there"}}}))
    assert document["services"]["a"]["environment"] == {"KEY": value, "TEXT": f"see {value} there"}


def test_keys_keep_their_order() -> None:
    text = dumped({"z": {"image": "x", "hostname": "z"}, "a": {}})
    assert text.index("z:") < text.index("image:") < text.index("hostname:") < text.index("  a:")


def test_what_it_is_given_stays_as_it_was() -> None:
    compose = {"name": "n", "services": {"a": {"image": "x"}}}
    dump_compose(compose, SHARED)
    assert compose == {"name": "n", "services": {"a": {"image": "x"}}}


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20) | st.sampled_from(
    [
        "yes",
        "Off",
        "null",
        "~",
        "1e3",
        "0x1f",
        "1:30",
        "10.0.0.1",
        "10.0.0.0/8",
        "./a:/b:ro",
        "- a",
        "a #b",
        "=",
        "\n\n",
    ]
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**40), 2**40) | st.none() | st.just(0.5),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS.filter(bool), inside, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS.filter(bool), VALUES, max_size=4))
def test_whatever_it_is_given_is_read_again(values: dict[str, Any]) -> None:
    kept = {key: value for key, value in values.items() if key not in ("name", "x-node", "services", "<<")}
    document = yaml.safe_load(dumped({"a": {"image": "x", **kept}}, more=kept))
    assert document["more"] == kept
    assert document["services"]["a"] == {**SHARED, "image": "x", **kept}


def test_the_same_text_as_a_general_emitter_writes(small: Rendering) -> None:
    """What a person reads is what every other tool would have written."""
    text = small.files[COMPOSE_FILE]
    networks = yaml.safe_load(text)["networks"]
    assert yaml.safe_dump({"networks": networks}, sort_keys=False, width=2**30) in text
