"""The measurement: one probe per participant, asked in two rounds; one that breaks is part of the result."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from labgen.engine.observe import observe
from labgen.plan.spec import LabSpec
from labgen.verify import looks
from labgen.verify.expect import HOST
from labgen.verify.judge import judge
from labgen.verify.looks import Looks
from labgen.verify.places import Places
from labgen.verify.ports import unpack
from labgen.verify.questions import Wanted
from labgen.verify.run import Subject, measure
from labgen.verify.session import ProbeBroke
from labgen.verify.table import Kind
from tests.unit.engine.world import running
from tests.unit.plan.specs import plan_of
from tests.unit.verify.healthy import look_of

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.verify.look import Look
    from labgen.verify.table import TruthTable

PLAN = plan_of(LabSpec())
SECRETS = {"ca": "PEM", "api_admin_password": "hidden"}
GATEWAY = str(PLAN.public_subnet.network_address + 1)


class FakeProbe(AbstractContextManager["FakeProbe"]):
    """Answers as a healthy node does, unless told otherwise."""

    asked: list[tuple[str, dict[str, Any]]] = []
    broken: dict[tuple[str, str], object] = {}
    open: int = 0

    def __init__(
        self, _engine: object, lab: str, image: str, network: str, *, seconds: int, vrrp: bool, program: str
    ) -> None:
        assert (lab, image, seconds) == ("lab", "probe:1", 60 + 2 * len(PLAN.nodes))
        assert program == ("" if network == "host" else "/opt/probe")
        assert not vrrp, "no node of this lab has a peer"
        self.name = HOST if network == "host" else network.removeprefix("id-")

    def __enter__(self) -> Self:
        self.fault("start")
        FakeProbe.open += 1
        return self

    def __exit__(self, *_: object) -> None:
        FakeProbe.open -= 1

    def fault(self, op: str) -> object:
        wrong = self.broken.get((self.name, op))
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        op = str(request["op"])
        FakeProbe.asked.append((self.name, request))
        wrong = self.fault(op)
        found = wrong if isinstance(wrong, dict) else getattr(self, op)(request)
        return {"op": op, **found}

    def look(self, _request: object) -> dict[str, Any]:
        if self.name == HOST:
            return self.seen(None, ["192.168.7.7", GATEWAY], ["192.168.7.0/24", str(PLAN.public_subnet)])
        seen = look_of(PLAN, PLAN.node_by_name[self.name])
        return self.seen(seen, list(seen.addresses), list(map(str, seen.on_link)))

    @staticmethod
    def seen(look: Look | None, addresses: list[str], networks: list[str]) -> dict[str, Any]:
        routes = [{"network": one, "gateway": None, "interface": "eth0"} for one in networks]
        if look is None or look.way_out:
            routes.append({"network": "0.0.0.0/0", "gateway": "10.0.0.1", "interface": "eth0"})
        listeners = [
            {"transport": one.transport, "address": one.address, "port": one.port}
            for one in (look.listeners if look else ())
        ]
        listeners.append({"transport": "tcp", "address": "127.0.0.11", "port": 40001})
        return {
            "listeners": listeners,
            "addresses": [{"interface": "eth0", "address": one, "prefix": 28} for one in addresses],
            "ipv6": [],
            "ipv6_usable": [],
            "routes": routes,
            "rules": {"fault": "", **(look.rules if look else {})},
        }

    def listen(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ports": dict.fromkeys(request["addresses"], 40404), "faults": {}}

    def fetch(self, _request: object) -> dict[str, Any]:
        return {"status": 201, "body": {"token": f"t0ken{len(asked('fetch'))}"}}

    def sweep(self, request: dict[str, Any]) -> dict[str, Any]:
        out = self.name == HOST or look_of(PLAN, PLAN.node_by_name[self.name]).way_out
        return {
            "results": [
                {
                    "address": one["address"],
                    "tcp": {"refused" if out or "ttl" not in one else "unreachable": one["tcp"]},
                    "udp": {"refused" if out or "ttl" not in one else "unreachable": one["udp"]},
                    "faults": {},
                }
                for one in request["targets"]
            ]
        }

    def names(self, request: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name in request["names"]:
            mine = {one.link for one in PLAN.node_by_name[self.name].interfaces}
            theirs = PLAN.node_by_name[name].interfaces
            found[name] = {"addresses": [one.address for one in theirs if one.link in mine]}
        return {"results": found}

    def speak(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "results": [
                {"id": one["id"], "outcome": "spoken", "evidence": "ok", "ms": 1.0}
                for one in request["checks"]
            ]
        }


@pytest.fixture(autouse=True)
def _probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "Probe", FakeProbe)
    monkeypatch.setattr(FakeProbe, "asked", [])
    monkeypatch.setattr(FakeProbe, "broken", {})


def places() -> Places:
    """Every node runs, and a probe is started in it."""
    statuses = observe(running(PLAN).engine, PLAN.name)
    return Places(PLAN.name, "probe:1", statuses, dict.fromkeys(statuses, "/opt/probe"))


def measured(*, early: bool = False, **subject: Any) -> TruthTable:
    with Looks(cast("Engine", None), places()) as probes:
        if early:
            probes.begin_inside()
        questions, measurement = measure(Subject(PLAN, **{"secrets": SECRETS, **subject}), probes)
    assert FakeProbe.open == 0, "every probe is closed"
    return judge(PLAN, questions, measurement)


def asked(op: str, name: str = "") -> list[dict[str, Any]]:
    return [request for who, request in FakeProbe.asked if request["op"] == op and name in ("", who)]


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
    monkeypatch.setattr(sys.modules[__name__], "PLAN", plan_of(LabSpec(counts={"zookeeper": 3})))
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
