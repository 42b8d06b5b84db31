"""The measurement: one probe per participant, asked in two rounds; one that breaks is part of the result."""

from __future__ import annotations

from typing import Any

import pytest

from labgen.verify.expect import HOST
from labgen.verify.ports import unpack
from labgen.verify.questions import Wanted
from labgen.verify.session import ProbeBroke
from labgen.verify.table import Kind
from tests.unit.verify.probes import GATEWAY, PLAN, FakeProbe, asked, measured

pytestmark = pytest.mark.usefixtures("probes")


def test_a_healthy_lab() -> None:
    table = measured()
    assert table.equal, table.differences
    assert {name for name, _ in FakeProbe.asked} == {*PLAN.node_by_name, HOST}
    assert len(asked("sweep")) == 22
    assert len(asked("names")) == 21, "this machine knows no node's name"
    assert table.asked > 35_000


@pytest.mark.parametrize("early", [False, True])
def test_everybody_looks_before_anybody_asks(early: bool) -> None:
    measured(early=early)
    rounds = [request["op"] for _, request in FakeProbe.asked]
    assert rounds[: rounds.index("sweep")].count("look") == 22


def test_each_token_comes_from_the_api_through_the_front_end_and_is_used_once() -> None:
    measured()
    request, *others = asked("fetch")
    assert others == [request] * 2
    assert request["url"] == "https://localhost:8443/api/cloud/consoles"
    assert (request["user"], request["password"]) == ("admin", "hidden")
    assert request["json"] == {"host": "dc1-hypervisor-1", "port": 5900}
    paths = [one["options"].get("path", "") for call in asked("speak") for one in call["checks"]]
    assert sorted(path[-6:] for path in paths if "token=" in path) == ["t0ken1", "t0ken2", "t0ken3"]


def test_what_is_not_asked_needs_no_token() -> None:
    measured(wanted=Wanted(source=frozenset({"api-1"}), destination=frozenset({"mysql-1"})))
    assert not asked("fetch")


@pytest.mark.parametrize("answer", [{"status": 503, "body": "no"}, {"failure": "refused"}])
def test_without_a_token_the_dialogue_says_what_is_wrong(answer: dict[str, Any]) -> None:
    FakeProbe.broken[HOST, "fetch"] = answer
    measured()
    paths = [one["options"].get("path", "") for call in asked("speak") for one in call["checks"]]
    assert sum("token=none" in path for path in paths) == 3
    assert len(asked("fetch")) == 1, "and nobody waits three times"


def test_somebody_who_gets_to_this_machine_is_waited_for() -> None:
    measured()
    (request,) = asked("listen")
    assert request["addresses"] == [GATEWAY], "and at no other address of this machine"
    targets = asked("sweep", "frontend-1")[0]["targets"]
    assert any(one["address"] == GATEWAY and 40404 in unpack(one["tcp"]) for one in targets)


@pytest.mark.parametrize("op", ["start", "look", "sweep", "names", "speak"])
@pytest.mark.parametrize("wrong", [ProbeBroke("it broke"), {"results": 7, "routes": 7}])
def test_a_probe_that_breaks_is_said_once(op: str, wrong: object) -> None:
    if op == "start" and not isinstance(wrong, Exception):
        return
    FakeProbe.broken["api-1", op] = wrong
    table = measured()
    assert [(one.kind, one.source) for one in table.differences] == [(Kind.PROBE, "api-1")]
    assert not table.measured
    said = table.differences[0].evidence
    assert said == "it broke" if isinstance(wrong, Exception) else "not readable" in said


def test_too_few_answers_are_no_answers() -> None:
    FakeProbe.broken["api-1", "sweep"] = {"results": []}
    assert [(one.kind, one.source) for one in measured().differences] == [(Kind.PROBE, "api-1")]


def test_a_name_without_an_answer_is_not_unknown() -> None:
    FakeProbe.broken["api-1", "names"] = {"results": {"ui-1": {"addresses": []}}}
    kinds = {(one.kind, one.destination) for one in measured().differences}
    assert (Kind.PROBE, "dc1-nfs-1") in kinds
    assert (Kind.NAME, "ui-1") in kinds


def test_a_client_that_waits_for_an_answer_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there at the first look, and at the second no more; whoever is still there is a server."""
    look = FakeProbe.look

    def waiting(self: FakeProbe, request: object) -> dict[str, Any]:
        seen = look(self, request)
        first = sum(who == self.name and one["op"] == "look" for who, one in FakeProbe.asked) == 1
        more = [("udp", 68)] * (first and self.name == "dc1-guest-1")
        more += [("tcp", 42089)] * (first and self.name == "rabbitmq-1")
        more += [("tcp", 4444)] * (self.name == "redis-1")
        seen["listeners"] += [{"transport": kind, "address": "0.0.0.0", "port": port} for kind, port in more]  # noqa: S104
        return seen

    monkeypatch.setattr(FakeProbe, "look", waiting)
    assert [(one.kind, one.source) for one in measured().differences] == [(Kind.LISTENER, "redis-1")]
    twice = {name for name in PLAN.node_by_name if len(asked("look", name)) == 2}
    assert twice == {"dc1-guest-1", "rabbitmq-1", "redis-1"}, "others have nothing to explain"


def test_this_machine_may_not_be_asked() -> None:
    FakeProbe.broken[HOST, "start"] = ProbeBroke("no such network")
    assert [(one.kind, one.source) for one in measured().differences] == [(Kind.PROBE, HOST)]


def test_only_some_pairs_need_only_some_probes() -> None:
    table = measured(wanted=Wanted(source=frozenset({"api-1"}), destination=frozenset({"mysql-1"})))
    assert table.equal
    assert {name for name, _ in FakeProbe.asked} == {"api-1", "mysql-1", HOST}
    assert [one["id"] for one in asked("speak", "api-1")[0]["checks"]] == ["9: api-1 -> mysql-1"]
    assert not asked("speak", "mysql-1")


def test_a_cut_wire_is_asked_with_little_patience() -> None:
    measured(cuts=frozenset({("api-1", "mysql-1")}))
    times = {one["id"]: one["timeout"] for one in asked("speak", "api-1")[0]["checks"]}
    assert times["9: api-1 -> mysql-1"] == 0.5
    assert times["13: api-1 -> redis-1"] == 5.0
