"""`lab.yaml` and `--set`: what they may say, and each mistake by its message."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from labgen.errors import InvalidInput
from labgen.plan.parse import check_name, parse_spec
from labgen.plan.spec import LabSpec, Resources, SiteSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labgen.catalogue.model import Catalogue

PORTS = "there are: console, http, https"
NO_SERVER = "is documented, but labgen has no server for it"
SIZE_FORM = "is not a size of memory; write it like 96MiB or 1.5GiB"


def refusal(
    catalogue: Catalogue, file: Path | None = None, sets: Sequence[str] = (), size: str | None = None
) -> str:
    """Return the message of a refusal, which always has the exit code for invalid input."""
    with pytest.raises(InvalidInput) as caught:
        parse_spec(catalogue, file, sets, size)
    assert caught.value.exit_code == 2
    return str(caught.value)


def lab(folder: Path, text: str) -> Path:
    """Return a `lab.yaml` with `text`."""
    path = folder / "lab.yaml"
    path.write_text(text)
    return path


def test_nothing_said_is_the_small_lab(catalogue: Catalogue) -> None:
    assert parse_spec(catalogue) == LabSpec()
    assert LabSpec().size == "small"


def test_an_empty_file_is_the_small_lab(catalogue: Catalogue, tmp_path: Path) -> None:
    assert parse_spec(catalogue, lab(tmp_path, "# all as it comes\n")) == LabSpec()


def test_everything_a_file_may_say(catalogue: Catalogue, tmp_path: Path) -> None:
    text = """
size: small
datacenters: 2
regions: 0
counts: {api: 3, rs: 2}
sites: {dc2: {counts: {rs: 0}}}
supernet: 172.20.0.0/14
bind: 0.0.0.0
ports: {https: 443}
resources: {api: {memory: 1GiB, cpus: 0.5}}
images: {api: vendor/api:6.1}
variants: {redis: datanode}
"""
    assert parse_spec(catalogue, lab(tmp_path, text)) == LabSpec(
        size="small",
        datacenters=2,
        regions=0,
        counts={"api": 3, "rs": 2},
        sites={"dc2": SiteSpec(counts={"rs": 0})},
        supernet=IPv4Network("172.20.0.0/14"),
        bind=IPv4Address("0.0.0.0"),  # noqa: S104 - what the user asks for
        ports={"https": 443},
        resources={"api": Resources(memory=2**30, cpus=0.5)},
        images={"api": "vendor/api:6.1"},
        variants={"redis": "datanode"},
    )


def test_set_wins_over_size_over_file(catalogue: Catalogue, tmp_path: Path) -> None:
    file = lab(tmp_path, "size: huge\ncounts: {api: 2, rs: 2}\n")
    spec = parse_spec(catalogue, file, ["api=3", "resources.api.memory=96MiB", "m=2", "m=4"], "small")
    assert (spec.size, spec.counts) == ("small", {"api": 3, "rs": 2, "m": 4})
    assert spec.resources == {"api": Resources(memory=96 * 2**20)}


def test_set_values_are_yaml(catalogue: Catalogue) -> None:
    spec = parse_spec(
        catalogue, None, ["images.api=vendor/api:6.1", "counts={api: 2}", "sites.dc1.counts.rs=2"]
    )
    assert spec.images == {"api": "vendor/api:6.1"}
    assert spec.counts == {"api": 2}
    assert spec.sites == {"dc1": SiteSpec(counts={"rs": 2})}


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
        ("variants: {reds: local}", ["variants.reds: unknown variant (did you mean 'redis'?)"]),
        ("variants: {redis: disk}", ["variants.redis: 'disk' is no choice; there are: local, datanode"]),
    ],
)
def test_mistakes_in_a_file(catalogue: Catalogue, tmp_path: Path, text: str, faults: list[str]) -> None:
    file = lab(tmp_path, text)
    sizes = ", ".join(catalogue.sizes)
    assert refusal(catalogue, file).splitlines() == [
        f"{file}: {fault.replace('{sizes}', sizes)}" for fault in faults
    ]


def test_several_mistakes_are_said_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    file = lab(
        tmp_path, "size: smal\ncounts: {apy: 1, emmett: 2}\nports: {web: 1}\nvariants: {redis: disk}\n"
    )
    assert refusal(catalogue, file).splitlines() == [
        f"{file}: size: unknown size 'smal' (did you mean 'small'?); there are: {', '.join(catalogue.sizes)}",
        f"{file}: counts.apy: unknown role 'apy' (did you mean 'api'?)",
        f"{file}: counts.emmett: role 'emmett' {NO_SERVER}",
        f"{file}: ports.web: nothing is published by this name; {PORTS}",
        f"{file}: variants.redis: 'disk' is no choice; there are: local, datanode",
    ]


def test_several_values_of_a_wrong_kind_are_said_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    file = lab(tmp_path, "datacenters: many\ncounts: {api: -1}\nfoo: 1\n")
    assert refusal(catalogue, file).splitlines() == [
        f"{file}: datacenters: Input should be a valid integer (got 'many')",
        f"{file}: counts.api: Input should be greater than or equal to 0 (got -1)",
        f"{file}: foo: unknown key",
    ]


@pytest.mark.parametrize(
    ("text", "kind"), [("- api\n", "list"), ("api\n", "str"), ("7\n", "int"), ("2026-01-01\n", "date")]
)
def test_a_file_that_is_no_mapping(catalogue: Catalogue, tmp_path: Path, text: str, kind: str) -> None:
    file = lab(tmp_path, text)
    assert refusal(catalogue, file) == f"{file}: must be a mapping of keys, not {kind}"


@pytest.mark.parametrize(
    ("text", "place"),
    [("counts: {api: [}\n", "1:16"), ("size: small\n\tcounts: 1\n", "2:1"), ("a: b: c\n", "1:5")],
)
def test_a_file_that_is_no_yaml(catalogue: Catalogue, tmp_path: Path, text: str, place: str) -> None:
    file = lab(tmp_path, text)
    assert refusal(catalogue, file).startswith(f"{file}:{place}: is not valid YAML: ")


def test_a_file_that_is_missing(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    assert refusal(catalogue, file) == f"{file}: cannot be read: No such file or directory"
    assert refusal(catalogue, tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("api", "--set api: write KEY=VALUE, for example --set api=2"),
        ("=1", "--set =1: write KEY=VALUE, for example --set api=2"),
        ("counts..api=1", "--set counts..api=1: write KEY=VALUE, for example --set api=2"),
        ("rabitmq=1", "--set rabitmq=1: unknown key 'rabitmq' (did you mean 'rabbitmq'?)"),
        ("siz=large", "--set siz=large: unknown key 'siz' (did you mean 'size'?)"),
        ("counts={", "--set counts={: the value is not valid YAML"),
        ("emmett=1", f"--set: counts.emmett: role 'emmett' {NO_SERVER}"),
        ("api=-1", "--set: counts.api: Input should be greater than or equal to 0 (got -1)"),
        ("api=", "--set: counts.api: Input should be a valid integer (got None)"),
        ("sites.dc1.counts.apy=1", "--set: sites.dc1.counts.apy: unknown role 'apy' (did you mean 'api'?)"),
    ],
)
def test_mistakes_in_set(catalogue: Catalogue, text: str, message: str) -> None:
    assert refusal(catalogue, None, [text]) == message


def test_set_below_a_value(catalogue: Catalogue) -> None:
    message = refusal(catalogue, None, ["size=small", "size.of=1"])
    assert message == "--set size.of=1: 'size' has no keys below it"


def test_unknown_size_as_an_option(catalogue: Catalogue) -> None:
    assert "unknown size 'smal' (did you mean 'small'?)" in refusal(catalogue, None, [], "smal")


@pytest.mark.parametrize("supernet", ["127.0.0.0/8", "169.254.0.0/16", "240.0.0.0/8", "0.0.0.0/8", "10"])
def test_a_supernet_that_no_machine_may_use(catalogue: Catalogue, supernet: str) -> None:
    """Loopback, link-local, reserved and 'this network' addresses: not public, and no use to a lab either."""
    assert "supernet" in refusal(catalogue, None, [f"supernet={supernet}"])


@pytest.mark.parametrize("text", ["ports.https=yes", "resources.api.cpus=yes"])
def test_yes_is_no_number(catalogue: Catalogue, text: str) -> None:
    """YAML's `yes` is a truth, which counts as 1 to a careless reader."""
    assert "(got True)" in refusal(catalogue, None, [text])


def test_memory_that_docker_refuses(catalogue: Catalogue) -> None:
    """Docker takes no limit below 6 MiB; `memory: 96` is 96 bytes to it."""
    assert "resources.api.memory" in refusal(catalogue, None, ["resources.api.memory=96"])


@pytest.mark.parametrize("name", ["a", "0", "lab", "my-lab-2", "x" * 32, "lab-"])
def test_names_that_a_lab_may_bear(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-lab", "Lab", "my_lab", "my.lab", "lab/1", "läb", "lab\n", " lab", "x" * 33]
)
def test_names_that_docker_refuses(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_name(name)
    assert str(caught.value) == (
        f"'{name}' is not a name for a lab\n"
        "Take at most 32 lower-case letters, digits and hyphens, a letter or digit first."
    )
    assert caught.value.exit_code == 2
