"""Mistakes in `lab.yaml`, each by its message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.plan.refusals import NO_SERVER, PORTS, SIZE_FORM, lab, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.catalogue.model import Catalogue


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("apii: 1", ["apii: unknown key"]),
        ("sizes: small", ["sizes: unknown key (did you mean 'size'?)"]),
        ("resource: {api: {}}", ["resource: unknown key (did you mean 'resources'?)"]),
        ("resources: {api: {memry: 1}}", ["resources.api.memry: unknown key (did you mean 'memory'?)"]),
        ("sites: {dc1: {count: {}}}", ["sites.dc1.count: unknown key (did you mean 'counts'?)"]),
        ("size: smal", ["size: unknown size 'smal' (did you mean 'small'?); there are: {sizes}"]),
        ("size: 3", ["size: Input should be a valid string (got 3)"]),
        ("counts: {rabitmq: 1}", ["counts.rabitmq: unknown role 'rabitmq' (did you mean 'rabbitmq'?)"]),
        ("counts: {xx: 1}", ["counts.xx: unknown role 'xx'"]),
        ("resources: {apy: {}}", ["resources.apy: unknown role 'apy' (did you mean 'api'?)"]),
        ("images: {apy: x:1}", ["images.apy: unknown role 'apy' (did you mean 'api'?)"]),
        (
            "sites: {dc1: {counts: {apy: 1}}}",
            ["sites.dc1.counts.apy: unknown role 'apy' (did you mean 'api'?)"],
        ),
        ("counts: {emmett: 1}", [f"counts.emmett: role 'emmett' {NO_SERVER}"]),
        ("counts: {api: -1}", ["counts.api: Input should be greater than or equal to 0 (got -1)"]),
        ("counts: {api: 501}", ["counts.api: Input should be less than or equal to 500 (got 501)"]),
        ("counts: {api: true}", ["counts.api: Input should be a valid integer (got True)"]),
        ("counts: {api: '2'}", ["counts.api: Input should be a valid integer (got '2')"]),
        ("counts: {api: 1.5}", ["counts.api: Input should be a valid integer (got 1.5)"]),
        ("counts: {api: }", ["counts.api: Input should be a valid integer (got None)"]),
        ("counts: 3", ["counts: Input should be a valid dictionary (got 3)"]),
        ("datacenters: -1", ["datacenters: Input should be greater than or equal to 0 (got -1)"]),
        ("regions: 600", ["regions: Input should be less than or equal to 500 (got 600)"]),
        (
            "supernet: 8.0.0.0/8",
            ["supernet: 8.0.0.0/8 is not a private network; take one inside 10.0.0.0/8 (got '8.0.0.0/8')"],
        ),
        ("supernet: ten", ["supernet: Expected 4 octets in 'ten' (got 'ten')"]),
        ("supernet: 10.0.0.1/8", ["supernet: 10.0.0.1/8 has host bits set (got '10.0.0.1/8')"]),
        ("bind: localhost", ["bind: Input is not a valid IPv4 address (got 'localhost')"]),
        ("ports: {web: 1}", [f"ports.web: nothing is published by this name; {PORTS}"]),
        (
            "ports: {htp: 1}",
            [f"ports.htp: nothing is published by this name (did you mean 'http'?); {PORTS}"],
        ),
        ("ports: {http: 0}", ["ports.http: Input should be greater than or equal to 1 (got 0)"]),
        ("ports: {http: 65536}", ["ports.http: Input should be less than or equal to 65535 (got 65536)"]),
        ("resources: {api: {memory: lots}}", [f"resources.api.memory: 'lots' {SIZE_FORM} (got 'lots')"]),
        ("resources: {api: {cpus: 0}}", ["resources.api.cpus: Input should be greater than 0 (got 0)"]),
        (
            "variants: {reds: local}",
            ["variants.reds: unknown variant (did you mean 'redis'?); there are: {variants}"],
        ),
        ("variants: {redis: disk}", ["variants.redis: 'disk' is no choice; there are: datanode, local"]),
    ],
)
def test_mistakes_in_a_file(catalogue: Catalogue, tmp_path: Path, text: str, faults: list[str]) -> None:
    file = lab(tmp_path, text)
    names = {
        "{sizes}": ", ".join(sorted(catalogue.sizes)),
        "{variants}": ", ".join(sorted(catalogue.variants)),
    }
    for name, listed in names.items():
        faults = [fault.replace(name, listed) for fault in faults]
    assert refusal(file).splitlines() == [f"{file}: {fault}" for fault in faults]


def test_several_mistakes_are_said_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    sizes = ", ".join(sorted(catalogue.sizes))
    file = lab(
        tmp_path, "size: smal\ncounts: {apy: 1, emmett: 2}\nports: {web: 1}\nvariants: {redis: disk}\n"
    )
    assert refusal(file).splitlines() == [
        f"{file}: size: unknown size 'smal' (did you mean 'small'?); there are: {sizes}",
        f"{file}: counts.apy: unknown role 'apy' (did you mean 'api'?)",
        f"{file}: counts.emmett: role 'emmett' {NO_SERVER}",
        f"{file}: ports.web: nothing is published by this name; {PORTS}",
        f"{file}: variants.redis: 'disk' is no choice; there are: datanode, local",
    ]


def test_several_values_of_a_wrong_kind_are_said_at_once(tmp_path: Path) -> None:
    file = lab(tmp_path, "datacenters: many\ncounts: {api: -1}\nfoo: 1\n")
    assert refusal(file).splitlines() == [
        f"{file}: datacenters: Input should be a valid integer (got 'many')",
        f"{file}: counts.api: Input should be greater than or equal to 0 (got -1)",
        f"{file}: foo: unknown key",
    ]


@pytest.mark.parametrize(
    ("text", "kind"), [("- api\n", "list"), ("api\n", "str"), ("7\n", "int"), ("2026-01-01\n", "date")]
)
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, kind: str) -> None:
    file = lab(tmp_path, text)
    assert refusal(file) == f"{file}: must be a mapping of keys, not {kind}"


@pytest.mark.parametrize(
    ("text", "place"),
    [("counts: {api: [}\n", "1:16"), ("size: small\n\tcounts: 1\n", "2:1"), ("a: b: c\n", "1:5")],
)
def test_a_file_that_is_no_yaml(tmp_path: Path, text: str, place: str) -> None:
    file = lab(tmp_path, text)
    assert refusal(file).startswith(f"{file}:{place}: is not valid YAML: ")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    assert refusal(file) == f"{file}: cannot be read: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
