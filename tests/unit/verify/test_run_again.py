"""What is asked once more: what a busy machine may have kept from an answer, and rows without a leader."""

from __future__ import annotations

from typing import Any

import pytest

from labgen.plan.spec import LabSpec
from labgen.verify.session import ProbeBroke
from labgen.verify.table import Kind
from tests.unit.plan.specs import plan_of
from tests.unit.verify.probes import FakeProbe, asked, measured

pytestmark = pytest.mark.usefixtures("probes")


class Busy:
    """Stands in for `speak` on a machine with too much to do: what it says of a dialogue, call by call."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *outcomes: str, of: str = "9: api-1 -> mysql-1"
    ) -> None:
        self.left = list(outcomes)
        speak = FakeProbe.speak

        def said(probe: FakeProbe, request: dict[str, Any]) -> dict[str, Any]:
            found = speak(probe, request)
            for one in found["results"]:
                if one["id"] == of:
                    one["outcome"] = self.left.pop(0)
                    if one["outcome"] == "breaks":
                        raise ProbeBroke("its time is over")
            return found

        monkeypatch.setattr(FakeProbe, "speak", said)


@pytest.mark.parametrize("first", ["timeout", "silent", "garbled", "unresolved", "failed"])
def test_what_came_to_nothing_is_asked_again_when_all_others_have_asked(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """A machine that is busy makes no difference: one that is left is left after a long wait, alone."""
    Busy(monkeypatch, first, "spoken")
    assert measured().equal
    again = asked("speak", "api-1")[1:]
    assert [(one["id"], one["timeout"]) for call in again for one in call["checks"]] == [
        ("9: api-1 -> mysql-1", 15.0)
    ]
    assert FakeProbe.asked[-1] == ("api-1", again[0]), "all others have asked"


def test_what_is_asked_again_has_a_new_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens a console once, and may have done so without anybody's hearing of it."""
    dialogue = "35: client-1 -> frontend-1"
    Busy(monkeypatch, "timeout", "spoken", of=dialogue)
    assert measured().equal
    first, again = (
        one["options"]["path"]
        for call in asked("speak", "client-1")
        for one in call["checks"]
        if one["id"] == dialogue
    )
    assert again.endswith("t0ken4"), "the first round used three"
    assert not first.endswith("t0ken4")


def test_what_comes_to_nothing_twice_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(monkeypatch, "timeout", "garbled", "spoken")
    assert [(one.kind, one.found) for one in measured().differences] == [(Kind.CONNECTION, "garbled")]
    assert busy.left == ["spoken"], "twice, and no more"


def test_a_probe_that_breaks_when_asked_again_leaves_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Busy(monkeypatch, "timeout", "breaks")
    assert [(one.kind, one.found) for one in measured().differences] == [(Kind.CONNECTION, "timeout")]


@pytest.mark.parametrize("outcome", ["refused", "unreachable"])
def test_what_is_known_at_once_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    Busy(monkeypatch, outcome)
    assert [(one.kind, one.found) for one in measured().differences] == [(Kind.CONNECTION, outcome)]


@pytest.fixture
def ensemble(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Three ZooKeepers. Each time that a member is asked, the next entry says whom it finds leading.

    The last entry holds from then on; who is not in an entry finds nobody.
    """
    monkeypatch.setattr(FakeProbe, "plan", plan_of(LabSpec(counts={"zookeeper": 3})))
    leaders: list[dict[str, str]] = []
    speak = FakeProbe.speak

    def said(probe: FakeProbe, request: dict[str, Any]) -> dict[str, Any]:
        found = speak(probe, request)
        round_ = min(len(asked("speak", probe.name)), len(leaders)) - 1
        for one in found["results"]:
            row, _, pair = one["id"].partition(": ")
            if row == "50-zookeeper" and pair.rpartition(" ")[2] != leaders[round_].get(probe.name):
                one["outcome"] = "refused"
        return found

    monkeypatch.setattr(FakeProbe, "speak", said)
    return leaders


ONE_LEADS = {"zookeeper-1": "zookeeper-3", "zookeeper-2": "zookeeper-3"}


@pytest.mark.parametrize(
    "first",
    [{}, {"zookeeper-1": "zookeeper-2", "zookeeper-2": "zookeeper-3"}],
    ids=["while nobody led", "another led before"],
)
def test_members_that_chose_a_leader_meanwhile_are_asked_again(
    ensemble: list[dict[str, str]], first: dict[str, str]
) -> None:
    ensemble += [first, ONE_LEADS]
    assert measured().equal
    again = [one["id"] for call in asked("speak", "zookeeper-3")[1:] for one in call["checks"]]
    assert again == ["50-zookeeper: zookeeper-3 -> zookeeper-1", "50-zookeeper: zookeeper-3 -> zookeeper-2"]
    assert len(asked("speak", "api-1")) == 1, "only they are"


def test_members_that_have_a_leader_are_asked_once(ensemble: list[dict[str, str]]) -> None:
    ensemble += [ONE_LEADS]
    assert measured().equal
    assert len(asked("speak", "zookeeper-1")) == 1


def test_members_that_nobody_leads(ensemble: list[dict[str, str]]) -> None:
    ensemble += [{}]
    assert [one.connection for one in measured().differences] == ["50-zookeeper"] * 6
    assert len(asked("speak", "zookeeper-1")) == 2, "twice, and no more"


def test_a_cut_wire_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Busy(monkeypatch, "timeout")
    measured(cuts=frozenset({("api-1", "mysql-1")}))
    assert len(asked("speak", "api-1")) == 1


def test_a_node_that_does_not_run_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Busy(monkeypatch, "unresolved")
    measured(stopped={"mysql-1": "exited"})
    assert len(asked("speak", "api-1")) == 1


def test_a_resolver_without_an_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    names, calls = FakeProbe.names, []

    def said(probe: FakeProbe, request: dict[str, Any]) -> dict[str, Any]:
        found = names(probe, request)
        if probe.name == "api-1":
            calls.append(request["names"])
            if len(calls) == 1:
                found["results"]["mysql-1"] = {"addresses": [], "fault": "no answer within 3 s"}
        return found

    monkeypatch.setattr(FakeProbe, "names", said)
    assert measured().equal
    assert calls[1:] == [["mysql-1"]]
