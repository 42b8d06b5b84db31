"""The judge of clusters: a port that only a leader has, and an address that several share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.plan.spec import LabSpec
from labgen.verify.table import Difference, Kind
from tests.unit.plan.specs import plan_of
from tests.unit.verify.healthy import Lab

if TYPE_CHECKING:
    from labgen.verify.table import TruthTable


def only(table: TruthTable) -> Difference:
    assert len(table.differences) == 1, table.differences
    assert not table.equal
    return table.differences[0]


def ensemble(leader: str, *, deaf: str = "") -> Lab:
    """Return a lab with three ZooKeepers of which `leader` alone listens to followers, but not to `deaf`."""
    lab = Lab(plan_of(LabSpec(counts={"zookeeper": 3})))
    for answers in lab.answers.values():
        for name, found in answers.dialogues.items():
            row, _, pair = name.partition(": ")
            source, _, destination = pair.partition(" -> ")
            if row == "50-zookeeper" and (destination != leader or source == deaf):
                answers.dialogues[name] = {**found, "outcome": "refused", "evidence": "[Errno 111]"}
    return lab


def test_a_port_of_leaders_is_open_at_the_leader_alone() -> None:
    table = ensemble("zookeeper-2").table()
    assert not table.differences
    following = {cell.destination for cell in table.cells for one in cell.dialogues if one.follows}
    assert following == {"zookeeper-1", "zookeeper-3"}


def test_a_leader_that_a_follower_cannot_reach() -> None:
    found = ensemble("zookeeper-2", deaf="zookeeper-3").table().differences
    assert ("zookeeper-3", "zookeeper-2") in {(one.source, one.destination) for one in found}
    assert {one.connection for one in found} == {"50-zookeeper"}
    assert {one.kind for one in found} == {Kind.CONNECTION}


def test_nobody_leads() -> None:
    assert len(ensemble("nobody").table().differences) == 6


@pytest.fixture
def pair() -> Lab:
    return Lab(plan_of(LabSpec(counts={"frontend": 2})))


def test_one_node_has_what_several_share(pair: Lab) -> None:
    table = pair.table()
    assert table.equal
    shared = sorted(pair.plan.virtual_addresses)
    assert shared
    assert {*shared} <= {*pair.looks["frontend-1"].addresses}
    assert not {*shared} & {*pair.looks["frontend-2"].addresses}


def test_a_shared_address_may_be_with_any_of_them(pair: Lab) -> None:
    first, second = (pair.looks[f"frontend-{number}"].addresses for number in (1, 2))
    shared = {*pair.plan.virtual_addresses}
    pair.look("frontend-1", addresses=tuple(one for one in first if one not in shared))
    pair.look("frontend-2", addresses=(*second, *shared))
    assert pair.table().equal


def test_a_shared_address_that_nobody_has(pair: Lab) -> None:
    gone = next(iter(pair.plan.virtual_addresses))
    left = tuple(one for one in pair.looks["frontend-1"].addresses if one != gone)
    pair.look("frontend-1", addresses=left)
    found = only(pair.table())
    assert (found.kind, found.question) == (Kind.NETWORK, f"shared address {gone}")
    assert found.found == "none of frontend-1, frontend-2 has it"


def test_a_shared_address_that_two_have(pair: Lab) -> None:
    twice = next(iter(pair.plan.virtual_addresses))
    pair.look("frontend-2", addresses=(*pair.looks["frontend-2"].addresses, twice))
    found = only(pair.table())
    assert (found.question, found.found) == (f"shared address {twice}", "frontend-1 and frontend-2 have it")


def test_nobody_else_has_a_shared_address(pair: Lab) -> None:
    taken = next(iter(pair.plan.virtual_addresses))
    pair.look("ui-1", addresses=(*pair.looks["ui-1"].addresses, taken))
    assert (Kind.NETWORK, f"address {taken}") in {
        (one.kind, one.question) for report in pair.table().nodes for one in report.differences
    }


@pytest.fixture
def datanodes() -> Lab:
    """The first of two has what they share."""
    return Lab(plan_of(LabSpec(counts={"datanode": 2}, variants={"datanode": "virtual"})))


def cut(lab: Lab, datanode: str, *addresses: str) -> list[Difference]:
    """Let the wire of API and `datanode` be cut, so that those silence `addresses`; return what is judged."""
    found = lab.answers["api-1"].dialogues
    over = [one for one in found if one.partition(": ")[2] in [f"api-1 -> {end}" for end in addresses]]
    assert len(over) == 2 * len(addresses), "MySQL and Redis"
    found |= {one: {**found[one], "outcome": "timeout", "evidence": "no answer"} for one in over}
    pairs = frozenset({("api-1", datanode), (datanode, "api-1")})
    return list(lab.table(cut_pairs=pairs).differences)


def test_a_cut_wire_to_who_has_a_shared_address_silences_that_too(datanodes: Lab) -> None:
    assert not cut(datanodes, "datanode-1", "datanode-1", "datanode-1 at datanode")


def test_a_cut_wire_to_another_leaves_the_shared_address(datanodes: Lab) -> None:
    assert not cut(datanodes, "datanode-2", "datanode-2")


def test_a_shared_address_that_answers_over_a_cut_wire(datanodes: Lab) -> None:
    found = cut(datanodes, "datanode-1", "datanode-1")
    assert {(one.kind, one.expected) for one in found} == {(Kind.CUT, "silence: cut")}
    assert len(found) == 2


def test_a_shared_address_that_is_silent_though_no_wire_to_it_is_cut(datanodes: Lab) -> None:
    found = cut(datanodes, "datanode-2", "datanode-2", "datanode-1 at datanode")
    assert {(one.kind, one.destination) for one in found} == {(Kind.CONNECTION, "datanode-1")}
