"""Two nodes share a network if and only if the documents connect them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given

from labgen.plan.spec import LabSpec
from tests.unit.plan.specs import documented, lab_specs, plan_of

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan


def shared(plan: LabPlan) -> Counter[frozenset[str]]:
    """Return every two nodes of different roles that are on one link, with the number of such links."""
    role = {node.name: node.role for node in plan.nodes}
    return Counter(
        frozenset(pair)
        for link in plan.links
        for pair in combinations(link.members, 2)
        if role[pair[0]] != role[pair[1]] or link.roles[0] == link.roles[1]
    )


@given(lab_specs())
def test_nodes_share_a_link_if_and_only_if_documented(spec: LabSpec) -> None:
    plan = plan_of(spec)
    expected = {frozenset((source, destination)) for source, destination, _ in documented(plan, spec)}
    assert set(shared(plan)) == expected


@given(lab_specs())
def test_a_pair_has_one_link(spec: LabSpec) -> None:
    assert set(shared(plan_of(spec)).values()) <= {1}


@given(lab_specs())
def test_a_link_has_two_roles_and_names_its_connections(spec: LabSpec) -> None:
    plan = plan_of(spec)
    role = {node.name: node.role for node in plan.nodes}
    expected = documented(plan, spec)
    for link in plan.links:
        members = set(link.members)
        assert {role[name] for name in members} == set(link.roles)
        assert len(members) == len(link.members)
        rows = {
            one
            for source, destination, one in expected
            if {source, destination} <= members and {role[source], role[destination]} == set(link.roles)
        }
        assert set(link.connections) == rows
        assert len(link.connections) == len(rows)


@given(lab_specs())
def test_plan_lists_exactly_the_realised_connections(spec: LabSpec) -> None:
    plan = plan_of(spec)
    assert sorted(row.id for row in plan.connections) == sorted({row for _, _, row in documented(plan, spec)})


@given(lab_specs())
def test_interfaces_say_what_links_say(spec: LabSpec) -> None:
    plan = plan_of(spec)
    from_links = sorted((name, link.name) for link in plan.links for name in link.members)
    assert sorted((node.name, one.link) for node in plan.nodes for one in node.interfaces) == from_links
    assert len({link.name for link in plan.links}) == len(plan.links)


@given(lab_specs())
def test_sites_of_one_kind_never_meet(spec: LabSpec) -> None:
    """Datacenter A's share is not B's (platform.md, W6): no node of A is on a link with one of B."""
    plan = plan_of(spec)
    site = {node.name: node.site for node in plan.nodes}
    for link in plan.links:
        assert len({site[name] for name in link.members} - {"platform"}) <= 1, link.name


def test_two_datacenters_have_links_of_their_own() -> None:
    """The property above on a lab where there is something to mix up."""
    plan = plan_of(LabSpec(datacenters=2, counts={"rs": 2}))
    members = {link.name: link.members for link in plan.links}
    assert members["dc1-rs-nfs"] == ("dc1-rs-1", "dc1-rs-2", "dc1-nfs-1")
    assert members["dc2-rs-nfs"] == ("dc2-rs-1", "dc2-rs-2", "dc2-nfs-1")
    assert members["dc2-api-rs"] == ("api-1", "dc2-rs-1", "dc2-rs-2")


@given(lab_specs())
def test_neighbours_and_clients_are_the_documents_and_each_others_inverse(spec: LabSpec) -> None:
    plan = plan_of(spec)
    out = [
        (node.name, one.node.name, one.connection.id) for node in plan.nodes for one in plan.neighbours(node)
    ]
    into = [
        (one.node.name, node.name, one.connection.id) for node in plan.nodes for one in plan.clients(node)
    ]
    assert len(out) == len(set(out))
    assert set(out) == documented(plan, spec)
    assert sorted(out) == sorted(into)
