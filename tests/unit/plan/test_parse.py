"""`lab.yaml` and `--set`: what they may say, mistakes in `--set`, and names of labs."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from labgen.errors import InvalidInput
from labgen.plan.parse import check_name, parse_spec
from labgen.plan.spec import LabSpec, Resources, SiteSpec
from tests.unit.plan.refusals import NO_SERVER, lab, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.catalogue.model import Catalogue


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
def test_mistakes_in_set(text: str, message: str) -> None:
    assert refusal(None, [text]) == message


def test_set_below_a_value() -> None:
    message = refusal(None, ["size=small", "size.of=1"])
    assert message == "--set size.of=1: 'size' has no keys below it"


def test_unknown_size_as_an_option() -> None:
    assert "unknown size 'smal' (did you mean 'small'?)" in refusal(None, [], "smal")


@pytest.mark.parametrize("supernet", ["127.0.0.0/8", "169.254.0.0/16", "240.0.0.0/8", "0.0.0.0/8", "10"])
def test_a_supernet_that_no_machine_may_use(supernet: str) -> None:
    """Loopback, link-local, reserved and 'this network' addresses: not public, and no use to a lab either."""
    assert "supernet" in refusal(None, [f"supernet={supernet}"])


@pytest.mark.parametrize("text", ["ports.https=yes", "resources.api.cpus=yes"])
def test_yes_is_no_number(text: str) -> None:
    """YAML's `yes` is a truth, which counts as 1 to a careless reader."""
    assert "(got True)" in refusal(None, [text])


def test_memory_that_docker_refuses() -> None:
    """Docker takes no limit below 6 MiB; `memory: 96` is 96 bytes to it."""
    assert "resources.api.memory" in refusal(None, ["resources.api.memory=96"])


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
