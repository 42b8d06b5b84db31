"""What a plan holds: nodes by count and name, published ports, limits; pure, and refusals by message."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.catalogue.model import Scope
from labgen.errors import InvalidInput
from labgen.names import container_name
from labgen.plan.spec import LabSpec, Resources, SiteSpec
from tests.unit.plan.specs import BUILDABLE, CATALOGUE, lab_specs, plan_of


@given(lab_specs())
def test_same_input_same_plan(spec: LabSpec) -> None:
    assert plan_of(spec) == plan_of(LabSpec.model_validate(spec.model_dump()))


@given(lab_specs())
def test_counts_are_the_sizes_changed_by_the_spec(spec: LabSpec) -> None:
    plan = plan_of(spec)
    expected: Counter[tuple[str, str]] = Counter()
    for site in plan.sites:
        for role in BUILDABLE[site.scope]:
            count = spec.counts.get(role, CATALOGUE.sizes["small"].counts.get(role, 0))
            if site.name in spec.sites:
                count = spec.sites[site.name].counts.get(role, count)
            if count:
                expected[site.name, role] = count
    assert Counter((node.site, node.role) for node in plan.nodes) == expected


@given(lab_specs())
def test_sites_follow_the_counts(spec: LabSpec) -> None:
    scopes = Counter(site.scope for site in plan_of(spec).sites)
    assert scopes == Counter(
        {Scope.PLATFORM: 1, Scope.DATACENTER: spec.datacenters or 0, Scope.REGION: spec.regions or 0}
    )


@given(lab_specs())
def test_names_are_unique_and_say_site_and_number(spec: LabSpec) -> None:
    plan = plan_of(spec)
    assert len({node.name for node in plan.nodes}) == len(plan.nodes)
    for node in plan.nodes:
        prefix = "" if node.site == "platform" else f"{node.site}-"
        assert node.name == f"{prefix}{CATALOGUE.roles[node.role].node}-{node.number}"


@given(lab_specs(), st.sampled_from(["api", "rs", "prs", "guest"]), st.integers(1, 4))
def test_more_nodes_of_a_role_take_none_away(spec: LabSpec, role: str, more: int) -> None:
    """Nodes, links and members only ever come; the other roles stay as they are."""
    before = plan_of(spec)
    counts = spec.counts | {role: spec.counts.get(role, 1) + more}
    after = plan_of(spec.model_copy(update={"counts": counts}))
    assert {node.name for node in before.nodes} <= {node.name for node in after.nodes}
    assert {node.role for node in after.nodes if node.name not in before.node_by_name} <= {role}
    for link in before.links:
        assert set(link.members) <= set(after.link_by_name[link.name].members)


def test_longest_container_name_is_a_host_name() -> None:
    """A name of a lab may have 32 characters (plan.parse); DNS allows a label of 63."""
    for scope, site in ((Scope.PLATFORM, ""), (Scope.DATACENTER, "dc500-"), (Scope.REGION, "pcr500-")):
        for role in BUILDABLE[scope]:
            name = container_name("x" * 32, f"{site}{CATALOGUE.roles[role].node}-500")
            assert len(name) <= 63, name


def test_published_by_the_front_end_on_this_machine_only() -> None:
    published = plan_of(LabSpec(counts={"frontend": 2})).published
    assert [(one.name, one.node, one.bind, one.host_port, one.port) for one in published] == [
        ("http", "frontend-1", "127.0.0.1", 8080, 80),
        ("https", "frontend-1", "127.0.0.1", 8443, 443),
        ("console", "frontend-1", "127.0.0.1", 41337, 41337),
    ]


def test_published_as_the_user_says() -> None:
    spec = LabSpec(bind=IPv4Address("192.0.2.7"), ports={"https": 9443})
    assert [one.address for one in plan_of(spec).published] == [
        "192.0.2.7:8080",
        "192.0.2.7:9443",
        "192.0.2.7:41337",
    ]


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what a user may ask for
def test_published_address_for_people(bind: str) -> None:
    assert plan_of(LabSpec(bind=IPv4Address(bind))).published[1].address == "localhost:8443"


def test_nothing_is_published_without_a_front_end() -> None:
    assert plan_of(LabSpec(counts={"frontend": 0})).published == ()


def test_two_names_never_get_one_host_port() -> None:
    """HTTPS has 8443 by default, but not when the user gave it to HTTP: Compose could not start that."""
    ports = {one.name: one.host_port for one in plan_of(LabSpec(ports={"http": 8443})).published}
    assert ports["http"] == 8443
    assert len(set(ports.values())) == 3


def test_two_names_with_one_host_port_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"9000"):
        plan_of(LabSpec(ports={"http": 9000, "https": 9000}))


def test_resources_of_a_role() -> None:
    spec = LabSpec(resources={"api": Resources(memory="1GiB", cpus=0.5), "mysql": Resources(memory="100MiB")})  # type: ignore[arg-type]
    nodes = plan_of(spec).node_by_name
    assert (nodes["api-1"].memory_limit, nodes["api-1"].cpus) == (2**30, 0.5)
    assert nodes["api-1"].memory_typical == CATALOGUE.roles["api"].memory.typical
    # Less than it takes at rest: the plan does not count more than it may have.
    assert (nodes["mysql-1"].memory_limit, nodes["mysql-1"].memory_typical) == (100 * 2**20, 100 * 2**20)
    assert (nodes["m-1"].memory_limit, nodes["m-1"].cpus) == (CATALOGUE.roles["m"].memory.limit, None)


def test_memory_of_the_lab_is_the_sum_of_its_nodes() -> None:
    plan = plan_of(LabSpec(counts={"api": 3}))
    assert plan.memory_limit == sum(CATALOGUE.roles[node.role].memory.limit for node in plan.nodes)
    assert plan.memory_typical == sum(CATALOGUE.roles[node.role].memory.typical for node in plan.nodes)


def test_image_of_a_role() -> None:
    nodes = plan_of(LabSpec(images={"api": "vendor/api:6.1"}, counts={"api": 2})).nodes
    assert {node.image for node in nodes if node.role == "api"} == {"vendor/api:6.1"}
    assert {node.image for node in nodes if node.role != "api"} == {None}


NO_SUCH_SITE = "sites.dc9: the lab has no such site (did you mean 'dc1'?); there are: dc1, pcr1, platform"


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ({"dc9": {}}, NO_SUCH_SITE),
        ({"dc1": {"api": 1}}, "sites.dc1.counts.api: role 'api' does not belong to this site"),
        ({"platform": {"rs": 1}}, "sites.platform.counts.rs: role 'rs' does not belong to this site"),
        ({"pcr1": {"rs": 1}}, "sites.pcr1.counts.rs: role 'rs' does not belong to this site"),
    ],
)
def test_unknown_or_wrong_site(sites: dict[str, Any], message: str) -> None:
    spec = LabSpec(sites={name: SiteSpec(counts=counts) for name, counts in sites.items()})
    with pytest.raises(InvalidInput) as caught:
        plan_of(spec)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_a_lab_without_any_node() -> None:
    spec = LabSpec(counts={role: 0 for roles in BUILDABLE.values() for role in roles})
    with pytest.raises(InvalidInput) as caught:
        plan_of(spec)
    assert str(caught.value) == "the lab would have no node at all\nSet the count of some role above 0."
    assert caught.value.exit_code == 2
