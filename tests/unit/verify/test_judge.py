"""The judge: a healthy lab has no difference, and every planted fault is one of the right kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from labgen.plan.spec import LabSpec
from labgen.render.cuts import cuts_text
from labgen.verify.expect import HOST
from labgen.verify.look import Listener
from labgen.verify.measurement import Answers
from labgen.verify.ports import unpack
from labgen.verify.questions import Wanted
from labgen.verify.table import Difference, Kind, Outcome, State
from tests.unit.plan.specs import lab_specs, plan_of
from tests.unit.verify.healthy import Lab

if TYPE_CHECKING:
    from labgen.verify.table import TruthTable


@pytest.fixture
def lab() -> Lab:
    return Lab(plan_of(LabSpec()))


def _swapped(text: str) -> str:
    """Return the rules with the first two of one chain in each other's place."""
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if "dport" in line)
    lines[first : first + 2] = reversed(lines[first : first + 2])
    return "\n".join(lines)


def only(table: TruthTable) -> Difference:
    assert len(table.differences) == 1, table.differences
    assert not table.equal
    return table.differences[0]


def test_a_healthy_lab_is_equal(lab: Lab) -> None:
    table = lab.table()
    assert table.differences == ()
    assert table.equal
    names = [one.name for one in table.nodes]
    assert names == [*(node.name for node in lab.plan.nodes), HOST]
    assert list(table.by_pair) == [(a, b) for a in names for b in names if a != b]
    spoken = {pair for pair, cell in table.by_pair.items() if cell.state is State.SPOKEN}
    documented = {(node.name, one.node.name) for node in lab.plan.nodes for one in lab.plan.neighbours(node)}
    assert spoken == documented | {(HOST, "frontend-1")}
    assert {cell.state for cell in table.cells} == {State.SPOKEN, State.CLOSED}
    assert table.asked > 40_000
    dialogues = [one for cell in table.cells for one in cell.dialogues]
    assert len(dialogues) == 49 + 3  # and what this machine reaches by published ports


@settings(max_examples=8, deadline=None)
@given(lab_specs(most=2))
def test_any_healthy_lab_is_equal(spec: LabSpec) -> None:
    assert Lab(plan_of(spec)).table().differences == ()


def test_a_lab_of_links_only_is_equal_though_its_links_are_open() -> None:
    lab = Lab(plan_of(LabSpec(firewall=False)))
    lab.found("redis-1", "api-1", 8009, "open")
    assert lab.table().equal


def test_off_its_links_nothing_may_be_open_even_without_a_firewall() -> None:
    lab = Lab(plan_of(LabSpec(firewall=False)))
    first = lab.answers["redis-1"].targets[0]
    assert first.destination == "frontend-1"
    lab.found("redis-1", "frontend-1", int(first.tcp.split(",")[0]), "open")
    assert {one.kind for one in lab.table().differences} == {Kind.PORT}


def test_a_documented_connection_that_does_not_work_names_its_row(lab: Lab) -> None:
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": "refused", "evidence": "no"}
    found = only(lab.table())
    assert (found.kind, found.source, found.destination) == (Kind.CONNECTION, "api-1", "mysql-1")
    assert (found.connection, found.question, found.found) == ("9", "mysql 3306/tcp", "refused")
    assert lab.table().by_pair["api-1", "mysql-1"].state is State.MISSING


@pytest.mark.parametrize("outcome", ["garbled", "timeout", "unreachable", "unresolved", "silent"])
def test_whatever_is_not_spoken_is_missing(lab: Lab, outcome: str) -> None:
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": outcome, "evidence": ""}
    assert only(lab.table()).kind is Kind.CONNECTION


@pytest.mark.parametrize("outcome", ["failed", "nonsense"])
def test_a_broken_probe_is_neither_open_nor_closed(lab: Lab, outcome: str) -> None:
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": outcome, "evidence": "no file left"}
    table = lab.table()
    found = only(table)
    assert (found.kind, found.evidence) == (Kind.PROBE, "no file left")
    assert table.by_pair["api-1", "mysql-1"].state is State.UNMEASURED
    assert not table.measured


def test_a_question_without_an_answer_is_no_pass(lab: Lab) -> None:
    del lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"]
    assert only(lab.table()).evidence == "it was not asked"


def test_an_open_port_that_no_row_opens(lab: Lab) -> None:
    lab.found("redis-1", "api-1", 8009, "open")
    table = lab.table()
    assert {(one.kind, one.source, one.destination) for one in table.differences} == {
        (Kind.PORT, "redis-1", "api-1")
    }
    assert any(one.question.endswith(":8009/tcp") for one in table.differences)
    assert table.by_pair["redis-1", "api-1"].state is State.EXTRA


@pytest.mark.parametrize("outcome", ["timeout", "silent"])
def test_what_nobody_refuses_has_left_the_node(lab: Lab, outcome: str) -> None:
    """A node's own rules refuse; silence means that they let it pass, whatever became of it later."""
    lab.found("redis-1", "api-1", 8009, outcome)
    assert {one.kind for one in lab.table().differences} == {Kind.PORT}
    assert "it left the node" in lab.table().differences[0].found


def test_a_node_that_does_not_answer_udp_of_this_machine(lab: Lab) -> None:
    """The kernel is sparing with refusals that travel: only a node's own rules refuse without one."""
    port = int(next(one for one in lab.answers[HOST].targets if one.sent).udp)
    lab.found(HOST, "frontend-1", port, "silent", "udp")
    assert lab.table().equal
    lab.found(HOST, "frontend-1", port, "open", "udp")
    assert {one.kind for one in lab.table().differences} == {Kind.PORT}


def test_unreachable_is_closed_only_without_a_way_out(lab: Lab) -> None:
    lab.found("frontend-1", "mysql-1", 3306, "unreachable")
    assert {one.kind for one in lab.table().differences} == {Kind.PORT}
    lab.ask()
    lab.found("redis-1", "mysql-1", 3306, "unreachable")
    assert lab.table().equal


def test_a_port_without_an_answer_is_unmeasured(lab: Lab) -> None:
    index = next(iter(lab.answers["redis-1"].sweep))
    lab.answers["redis-1"].sweep[index] = {
        "tcp": {"refused": "80"},
        "udp": {},
        "faults": {"tcp 443": "ENOBUFS"},
    }
    table = lab.table()
    assert {one.kind for one in table.differences} == {Kind.PROBE}
    assert "ENOBUFS" in table.differences[0].evidence
    assert "443" in table.differences[0].question


def test_a_sweep_that_never_came_is_unmeasured(lab: Lab) -> None:
    lab.answers["redis-1"].sweep.clear()
    assert {one.kind for one in lab.table().differences} == {Kind.PROBE}


@pytest.mark.parametrize(
    ("destination", "kind"),
    [("gateways", Kind.ESCAPE), ("internet", Kind.ESCAPE), ("other labs", Kind.ESCAPE), (HOST, Kind.ESCAPE)],
)
def test_ways_out(lab: Lab, destination: str, kind: Kind) -> None:
    target = next(one for one in lab.answers["frontend-1"].targets if one.destination == destination)
    lab.found("frontend-1", destination, int(target.tcp.split(",")[0].split("-")[0]), "open")
    assert {(one.kind, one.source, one.destination) for one in lab.table().differences} == {
        (kind, "frontend-1", destination)
    }


def test_whatever_listens_on_this_machine_is_asked_for(lab: Lab) -> None:
    """A port that another lab publishes on every address, for example."""
    lab.look(HOST, listeners=(Listener("tcp", 9443, "0.0.0.0"), Listener("udp", 5353, "0.0.0.0")))  # noqa: S104
    for node in lab.plan.nodes:
        there = [one for one in lab.answers[node.name].targets if one.destination == HOST]
        assert there
        assert all(9443 in unpack(one.tcp) and 5353 in unpack(one.udp) for one in there), node.name
    assert lab.table().equal, "this machine may listen as it likes"


def test_every_node_is_asked_for_every_way_out(lab: Lab) -> None:
    for node in lab.plan.nodes:
        asked = {one.destination for one in lab.answers[node.name].targets}
        assert {"gateways", "internet", "other labs", HOST} <= asked, node.name


def test_a_server_that_no_row_explains(lab: Lab) -> None:
    lab.look("api-1", listeners=(*lab.looks["api-1"].listeners, Listener("tcp", 4444, "0.0.0.0")))  # noqa: S104
    found = only(lab.table())
    assert (found.kind, found.question) == (Kind.LISTENER, "0.0.0.0:4444/tcp")
    asked = {one.tcp for one in lab.answers["ui-1"].targets if one.destination == "api-1"}
    assert all("4444" in one for one in asked), "and everybody is asked whether they reach it"


def test_a_node_on_no_network_may_listen_as_it_likes() -> None:
    """Nobody could reach it: with another choice a server may be left without any connection."""
    lab = Lab(plan_of(LabSpec(variants={"redis": "datanode"})))
    alone = lab.plan.node_by_name["dc1-redis-1"]
    assert not alone.interfaces
    lab.look(alone.name, listeners=(Listener("tcp", 6379, "0.0.0.0"),))  # noqa: S104
    assert lab.table().equal


def test_an_address_on_a_network_of_no_document(lab: Lab) -> None:
    lab.look("api-1", addresses=(*lab.looks["api-1"].addresses, "172.30.0.2"))
    found = only(lab.table())
    assert (found.kind, found.question) == (Kind.NETWORK, "address 172.30.0.2")
    assert "172.30.0.2" in {one.address for one in lab.answers["ui-1"].targets}


def test_a_link_that_a_node_is_not_on(lab: Lab) -> None:
    lab.look("mysql-1", addresses=lab.looks["mysql-1"].addresses[1:])
    found = only(lab.table())
    assert (found.kind, found.found, found.connection) == (Kind.NETWORK, "missing", "9")


def test_the_front_end_off_the_public_network(lab: Lab) -> None:
    lab.look("frontend-1", addresses=lab.looks["frontend-1"].addresses[:-1])
    assert only(lab.table()).question == f"an address in {lab.plan.public_subnet}"


def test_ipv6(lab: Lab) -> None:
    lab.look("api-1", ipv6=("fe80::1 on eth0",))
    assert (only(lab.table()).kind, only(lab.table()).found) == (Kind.IPV6, "fe80::1 on eth0")


@pytest.mark.parametrize(
    ("change", "fault", "row"),
    [
        (lambda text: re.sub(r'.*comment "9"\n', "", text), "is not in force", "9"),
        (lambda text: text.replace("policy drop", "policy accept", 1), "is not in force", ""),
        (lambda text: text.replace("chain input {", "chain input {\n accept", 1), "was not rendered", ""),
        (lambda _text: None, "is missing", ""),
        (_swapped, "are in another order", ""),
    ],
)
def test_rules_that_are_not_the_rendered_ones(lab: Lab, change: object, fault: str, row: str) -> None:
    rules = dict(lab.looks["m-1" if row != "9" else "api-1"].rules)
    node = "m-1" if row != "9" else "api-1"
    lab.look(node, rules={**rules, "labgen": change(rules["labgen"])})  # type: ignore[operator]
    found = lab.table().differences
    assert {one.kind for one in found} == {Kind.RULES}
    assert fault in {one.found for one in found}
    assert row in {one.connection for one in found}


def test_rules_that_cannot_be_read(lab: Lab) -> None:
    lab.look("api-1", fault="nft: not found")
    assert (only(lab.table()).kind, only(lab.table()).evidence) == (Kind.PROBE, "nft: not found")


def test_rules_as_nft_lists_them_are_the_same(lab: Lab) -> None:
    """Tabs, blank lines, and no line that only loading needs."""
    rules = dict(lab.looks["api-1"].rules)
    lines = [line for line in (rules["labgen"] or "").splitlines() if not line.startswith(("#", "delete"))]
    listed = "\n".join(line.replace("  ", "\t") for line in lines[1:]).replace("\t}\n", "\t}\n\n")
    lab.look("api-1", rules={**rules, "labgen": listed})
    assert lab.table().equal


@pytest.mark.parametrize(
    ("source", "destination", "answer", "found"),
    [
        ("ui-1", "mysql-1", {"addresses": ["10.210.0.104"]}, "10.210.0.104"),
        ("ui-1", "api-1", {"addresses": [], "error": "unknown"}, "unknown"),
        ("ui-1", "api-1", {"addresses": ["10.9.9.9"]}, "10.9.9.9"),
    ],
)
def test_names(lab: Lab, source: str, destination: str, answer: dict[str, object], found: str) -> None:
    lab.answers[source].names = {**lab.answers[source].names, destination: answer}
    difference = only(lab.table())
    assert (difference.kind, difference.found) == (Kind.NAME, found)
    assert (difference.source, difference.destination) == (source, destination)


def test_a_resolver_that_broke_is_a_broken_probe(lab: Lab) -> None:
    lab.answers["ui-1"].names = {"mysql-1": {"addresses": [], "fault": "no memory"}}
    assert only(lab.table()).kind is Kind.PROBE


def test_a_stopped_node_is_said_once_and_its_clients_each(lab: Lab) -> None:
    lab.stopped["mysql-1"] = "stopped (Exited (137))"
    del lab.answers["mysql-1"], lab.looks["mysql-1"]
    lab.answers["api-1"].names = {**lab.answers["api-1"].names, "mysql-1": {"addresses": []}}
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": "unresolved", "evidence": "?"}
    table = lab.table()
    assert [(one.kind, one.source) for one in table.differences] == [
        (Kind.CONNECTION, "api-1"),
        (Kind.NODE, "mysql-1"),
    ]
    assert table.by_pair["mysql-1", "api-1"].state is State.UNMEASURED
    assert table.measured


def test_a_probe_that_did_not_start_is_said_once(lab: Lab) -> None:
    lab.answers["api-1"] = Answers(broke="no such image")
    table = lab.table()
    assert (only(table).kind, only(table).evidence) == (Kind.PROBE, "no such image")
    assert {table.by_pair["api-1", other.name].state for other in table.nodes if other.name != "api-1"} == {
        State.UNMEASURED
    }


def test_a_cut_wire_is_no_difference_as_long_as_nothing_passes(lab: Lab) -> None:
    pairs = frozenset({("api-1", "mysql-1"), ("mysql-1", "api-1")})
    text = cuts_text(lab.plan, "api-1", ["mysql-1"])
    lab.looks["api-1"].rules["labgen_cuts"] = text  # type: ignore[index]
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": "timeout", "evidence": ""}
    lab.found("api-1", "mysql-1", 443, "timeout")
    table = lab.table(cuts={"api-1": text}, cut_pairs=pairs)
    assert table.equal
    assert table.by_pair["api-1", "mysql-1"].state is State.CUT
    assert table.cuts == tuple(sorted(pairs))
    lab.answers["api-1"].dialogues["9: api-1 -> mysql-1"] = {"outcome": "spoken", "evidence": "5.5.5-11"}
    found = only(lab.table(cuts={"api-1": text}, cut_pairs=pairs))
    assert (found.kind, found.found) == (Kind.CUT, "spoken")


def test_a_cut_that_is_not_in_force(lab: Lab) -> None:
    text = cuts_text(lab.plan, "api-1", ["mysql-1"])
    assert only(lab.table(cuts={"api-1": text})).kind is Kind.CUT


def test_only_some_pairs(lab: Lab) -> None:
    lab.wanted = Wanted(source=frozenset({"api-1"}), destination=frozenset({"mysql-1", "redis-1"}))
    lab.ask()
    table = lab.table(only="api:mysql-1")
    assert list(table.by_pair) == [("api-1", "mysql-1"), ("api-1", "redis-1")]
    assert table.equal
    assert len(table.nodes) == 22


def test_the_host_asks_only_where_it_has_a_network_of_its_own(lab: Lab) -> None:
    """A packet of its own to any other address would leave this machine."""
    sent = [one for one in lab.answers[HOST].targets if one.sent]
    assert [one.destination for one in sent] == ["frontend-1"]
    cell = lab.table().by_pair[HOST, "mysql-1"]
    assert dict(cell.closed)[Outcome.UNREACHABLE] > 20


def test_far_addresses_end_at_this_machine(lab: Lab) -> None:
    for target in lab.answers["frontend-1"].targets:
        near = any(one for one in lab.looks["frontend-1"].on_link if target.near)
        assert target.as_request().get("ttl") == (None if near else 1), target


def test_who_enforces_the_rules_is_in_the_report(lab: Lab) -> None:
    table = lab.table(enforced={"api-1": "beside"})
    report = next(one for one in table.nodes if one.name == "api-1")
    assert report.enforced == "beside"
    assert dict(report.checks)["rules"] == "as rendered (beside)"
