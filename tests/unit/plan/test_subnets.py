"""Subnets and addresses: disjoint, inside the supernet, usable, and in place when others grow."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labgen.errors import InvalidInput
from labgen.plan.addresses import DEFAULT_SUPERNET, link_prefix
from labgen.plan.spec import LabSpec, SiteSpec
from tests.unit.plan.specs import lab_specs, plan_of


@given(lab_specs())
def test_subnets_never_overlap_and_lie_in_the_supernet(spec: LabSpec) -> None:
    plan = plan_of(spec)
    subnets = sorted([plan.public_subnet, *(link.subnet for link in plan.links)])
    assert plan.supernet == (spec.supernet or DEFAULT_SUPERNET)
    assert all(subnet.subnet_of(plan.supernet) for subnet in subnets)
    for lower, upper in pairwise(subnets):
        assert lower.broadcast_address < upper.network_address


@given(lab_specs())
def test_addresses_are_unique_and_usable(spec: LabSpec) -> None:
    plan = plan_of(spec)
    subnets = {link.name: link.subnet for link in plan.links}
    places = [(one.link, IPv4Address(one.address)) for node in plan.nodes for one in node.interfaces]
    assert len({address for _, address in places}) == len(places)
    for link, address in places:
        subnet = subnets[link]
        assert address in subnet
        assert address not in {subnet.network_address, subnet.network_address + 1, subnet.broadcast_address}


@pytest.mark.parametrize(
    ("lower", "upper", "prefix"),
    [
        (0, 0, 28),
        (6, 7, 28),
        (7, 1, 27),
        (1, 8, 27),
        (14, 15, 27),
        (15, 1, 26),
        (254, 255, 23),
        (254, 256, 22),
    ],
)
def test_link_prefix(lower: int, upper: int, prefix: int) -> None:
    assert link_prefix(lower, upper) == prefix


@given(st.integers(1, 500), st.integers(0, 500))
def test_link_prefix_is_the_smallest_that_fits(lower: int, upper: int) -> None:
    """Each role has a half; network, broadcast and .1 are not for nodes; none is smaller than a /28."""

    def fits(prefix: int) -> bool:
        half: int = 2 ** (31 - prefix)
        return lower <= half - 2 and upper <= half - 1

    prefix = link_prefix(lower, upper)
    assert fits(prefix)
    assert prefix == 28 or not fits(prefix + 1)


def growing(spec: LabSpec, site: str, counts: dict[str, int]) -> LabSpec:
    """Return `spec` with `counts` at `site`."""
    return spec.model_copy(update={"sites": spec.sites | {site: SiteSpec(counts=counts)}})


def moved(before: LabSpec, after: LabSpec, grown: set[str]) -> list[str]:
    """Return the links outside the sites `grown` whose subnet differs, and those that came or went."""
    first, second = plan_of(before), plan_of(after)
    old = {link.name: (link.subnet, link.members) for link in first.links if link.site not in grown}
    new = {link.name: (link.subnet, link.members) for link in second.links if link.site not in grown}
    assert first.public_subnet == second.public_subnet
    return [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]


@given(lab_specs(most=6), st.integers(1, 3), st.integers(1, 3))
def test_more_sites_move_nothing(spec: LabSpec, datacenters: int, regions: int) -> None:
    assert spec.datacenters is not None
    assert spec.regions is not None
    update = {"datacenters": spec.datacenters + datacenters, "regions": spec.regions + regions}
    grown = {f"dc{n}" for n in range(spec.datacenters + 1, spec.datacenters + datacenters + 1)}
    grown |= {f"pcr{n}" for n in range(spec.regions + 1, spec.regions + regions + 1)}
    assert moved(spec, spec.model_copy(update=update), grown) == []


@given(lab_specs(most=6), st.data())
def test_growth_of_one_site_moves_no_other(spec: LabSpec, data: st.DataObject) -> None:
    """As long as the size of a site's block does not change: with so few nodes it never does."""
    assume(spec.datacenters)
    site = f"dc{data.draw(st.integers(1, spec.datacenters or 1))}"
    counts = data.draw(
        st.dictionaries(st.sampled_from(["rs", "nfs", "guest", "hypervisor"]), st.integers(0, 10))
    )
    assert moved(spec, growing(spec, site, counts), {site}) == []


def test_growth_of_a_site_is_seen_by_the_check_above() -> None:
    """Within the site that grows subnets do move: the property above is not true of everything."""
    spec = LabSpec()
    assert moved(spec, growing(spec, "dc1", {"rs": 30}), set()) != []


def test_a_site_too_large_for_the_usual_block_gets_a_larger_one() -> None:
    plan = plan_of(LabSpec(counts={"rs": 500, "guest": 500}, supernet=IPv4Network("10.0.0.0/8")))
    subnets = [link.subnet for link in plan.links]
    assert sum(subnet.num_addresses for subnet in subnets) > 1024
    assert not [1 for i, one in enumerate(subnets) for other in subnets[i + 1 :] if one.overlaps(other)]


TOO_SMALL = (
    "supernet {} is too small for this lab: it takes a /{}\n"
    "Set a larger one: --set supernet=10.0.0.0/8, or fewer sites."
)


@pytest.mark.parametrize(
    ("datacenters", "supernet", "needed"),
    [(1, "10.9.0.0/24", 20), (1, "10.9.0.0/21", 20), (4, "10.9.0.0/20", 19), (40, "10.210.0.0/16", 15)],
)
def test_supernet_too_small(datacenters: int, supernet: str, needed: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_of(LabSpec(datacenters=datacenters, supernet=IPv4Network(supernet)))
    assert str(caught.value) == TOO_SMALL.format(supernet, needed)
    assert caught.value.exit_code == 2


@given(lab_specs(), st.integers(10, 30))
def test_the_supernet_it_asks_for_is_enough(spec: LabSpec, prefix: int) -> None:
    supernet = IPv4Network(("10.0.0.0", prefix))
    try:
        plan = plan_of(spec.model_copy(update={"supernet": supernet}))
    except InvalidInput as error:
        found = re.search(r"it takes a /(\d+)", str(error))
        assert found
        assert 0 < int(found[1]) < prefix
        plan = plan_of(spec.model_copy(update={"supernet": IPv4Network(("10.0.0.0", int(found[1])))}))
    assert plan.supernet.prefixlen <= prefix


@pytest.mark.parametrize("role", ["api", "ui", "m", "mysql", "rs", "hypervisor", "guest"])
def test_a_node_more_moves_no_address(role: str) -> None:
    before = plan_of(LabSpec(counts={role: 2}))
    after = plan_of(LabSpec(counts={role: 3}))
    assert len(after.nodes) == len(before.nodes) + 1
    for node in before.nodes:
        assert set(node.interfaces) <= set(after.node_by_name[node.name].interfaces), node.name


def test_another_variant_moves_no_link_that_stays() -> None:
    before = plan_of(LabSpec()).link_by_name
    after = plan_of(LabSpec(variants={"redis": "datanode", "bpm-redis": "local"})).link_by_name
    assert set(before) - set(after) == {"dc1-rs-rs-redis", "pcr1-prs-prs-redis"}
    assert {name: link.subnet for name, link in after.items() if name in before} == {
        name: link.subnet for name, link in before.items() if name in after
    }
