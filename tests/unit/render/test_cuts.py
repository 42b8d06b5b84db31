"""Wires that are cut, as rules: both directions of one pair, and nothing else."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.errors import InvalidInput
from labgen.plan.spec import LabSpec
from labgen.render.cuts import NO_CUTS, cut_names, cuts_text, link_between
from tests.unit.plan.specs import lab_specs, plan_of


def test_both_directions_are_dropped_before_the_firewall_can_refuse() -> None:
    plan = plan_of(LabSpec())
    address = next(one.address for one in plan.node_by_name["mysql-1"].interfaces if one.link == "api-mysql")
    assert cuts_text(plan, "api-1", ["mysql-1"]) == (
        NO_CUTS + "table inet labgen_cuts {\n"
        "  chain output {\n"
        "    type filter hook output priority filter - 10; policy accept;\n"
        f'    ip daddr {address} drop comment "mysql-1"\n'
        "  }\n"
        "  chain input {\n"
        "    type filter hook input priority filter - 10; policy accept;\n"
        f'    ip saddr {address} drop comment "mysql-1"\n'
        "  }\n"
        "}\n"
    )


def test_no_cut_takes_the_table_away() -> None:
    assert cuts_text(plan_of(LabSpec()), "api-1", []) == NO_CUTS
    assert cut_names(NO_CUTS) == []


@given(lab_specs(most=3), st.data())
def test_a_table_says_what_it_cuts(spec: LabSpec, data: st.DataObject) -> None:
    plan = plan_of(spec)
    node = data.draw(st.sampled_from(plan.nodes))
    neighbours = sorted({one.node.name for one in (*plan.neighbours(node), *plan.clients(node))})
    others = data.draw(st.lists(st.sampled_from(neighbours), unique=True)) if neighbours else []
    assert cut_names(cuts_text(plan, node.name, others)) == sorted(others)


@given(lab_specs(most=2))
def test_a_wire_is_where_a_document_joins_two_nodes(spec: LabSpec) -> None:
    plan = plan_of(spec)
    joined = {(node.name, one.node.name) for node in plan.nodes for one in plan.neighbours(node)}
    for one, other in permutations(plan.node_by_name, 2):
        if (one, other) in joined or (other, one) in joined:
            link = plan.link_by_name[link_between(plan, one, other)]
            assert {one, other} <= set(link.members)
        else:
            with pytest.raises(InvalidInput, match=f"no documented connection joins {one} and {other}"):
                link_between(plan, one, other)


def test_the_way_out_names_who_is_joined() -> None:
    with pytest.raises(InvalidInput) as caught:
        link_between(plan_of(LabSpec()), "mysql-1", "ui-1")
    assert caught.value.hint == "mysql-1 is joined with: api-1, m-1"
