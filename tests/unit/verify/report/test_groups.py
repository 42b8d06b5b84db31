"""Alike differences: none is lost, none is told twice, and nothing open is put under something else."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from labgen.verify.report.groups import grouped, shown
from labgen.verify.report.wording import KINDS
from labgen.verify.table import Difference, Kind, TruthTable
from tests.unit.verify.tables import stopped

names = st.sampled_from(["a", "b", "c", "d"])
differences = st.builds(
    Difference,
    kind=st.sampled_from(Kind),
    source=names,
    destination=st.one_of(st.just(""), names),
    question=st.sampled_from(["22/tcp", "80/tcp"]),
    expected=st.sampled_from(["closed", "open"]),
    found=st.sampled_from(["closed", "open"]),
)


@given(st.lists(differences, max_size=40))
def test_each_difference_is_in_one_group(found: list[Difference]) -> None:
    groups = grouped(found)
    assert Counter(one for group in groups for one in (*group.differences, *group.at_it)) == Counter(found)
    assert sum(group.size for group in groups) == len(found)


@given(st.lists(differences, max_size=40))
def test_a_group_reads_alike(found: list[Difference]) -> None:
    for group in grouped(found):
        assert len({(one.kind, one.expected, one.found) for one in group.differences}) == 1
        ends = {one.source for one in group.differences}, {one.destination for one in group.differences}
        assert 1 in map(len, ends)


@given(st.lists(differences, max_size=40))
def test_what_is_open_is_never_put_under_a_node(found: list[Difference]) -> None:
    open_kinds = {Kind.PORT, Kind.ESCAPE, Kind.CUT, Kind.LISTENER, Kind.IPV6}
    assert not any(one.kind in open_kinds for group in grouped(found) for one in group.at_it)


@given(st.lists(differences, max_size=40), st.integers(1, 20))
def test_of_every_kind_some_are_shown(found: list[Difference], most: int) -> None:
    groups = grouped(found)
    listed = shown(groups, most)
    assert len(listed) == min(most, len(groups))
    assert listed == [group for group in groups if any(group is one for one in listed)]
    kinds = {group.first.kind for group in groups}
    assert len({group.first.kind for group in listed}) == min(most, len(kinds))


def test_kinds_come_in_the_order_to_read_them() -> None:
    found = grouped([Difference(kind, "a", "b", "", "", "") for kind in reversed(list(KINDS))])
    kinds = [group.first.kind for group in found]
    # The node that does not run has taken in what it brings with it.
    assert kinds == [kind for kind in KINDS if kind in kinds]
    assert kinds[0] is Kind.NODE
    brought = {Kind.CONNECTION, Kind.NAME, Kind.NETWORK, Kind.RULES, Kind.PROBE}
    assert {one.kind for one in found[0].at_it} == brought == set(KINDS) - set(kinds)


def test_a_stopped_node_is_one_group(good: TruthTable) -> None:
    found = stopped(good, "api-1").differences
    (group,) = grouped(found)
    assert group.first.kind is Kind.NODE
    assert len(group.at_it) == len(found) - 1 > 10


def test_one_source_with_many_open_ports_is_one_group() -> None:
    open_ports = [
        Difference(Kind.PORT, "a", name, f"{name}:22/tcp", "refused", "open", name) for name in "bcdefg"
    ]
    (group,) = grouped(open_ports)
    assert group.rows == "b c d e f g"


def test_two_alike_are_told_by_themselves() -> None:
    open_ports = [Difference(Kind.PORT, "a", name, "22/tcp", "refused", "open") for name in "bc"]
    assert [group.differences for group in grouped(open_ports)] == [(one,) for one in open_ports]


def test_listeners_on_one_port_are_alike_wherever_they_are() -> None:
    found = [Difference(Kind.LISTENER, name, "", "0.0.0.0:22/tcp", "none", "sshd") for name in "abc"]
    other = [Difference(Kind.LISTENER, name, "", f"{name}:9/tcp", "none", "sshd") for name in "def"]
    groups = grouped([*found, *other])
    assert groups[0].differences == tuple(found)
    assert [group.size for group in groups[1:]] == [1, 1, 1]
