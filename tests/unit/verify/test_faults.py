"""A drill of nodes measures what users feel, lets every node run again, and says what took too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from labgen.errors import LabgenError
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from labgen.smoke.users import KINDS, READ, WRITE, Attempt
from labgen.verify.faults import Blow, Faults, Kind, hit_all
from labgen.verify.faults_lab import targets_of
from labgen.verify.felt import Impact, impact_of
from labgen.verify.report.faults import faults_document, faults_rows, faults_sentence
from tests.unit.plan.specs import plan_of

PACE = 0.25


class World:
    """A lab on a clock of its own, whose users fail for `outage` seconds from a fault on.

    `slow` seconds pass until a node is healthy after healing, `deaf` is an engine that refuses.
    """

    def __init__(self, outage: float = 0.0, *, slow: float = 1.0, deaf: bool = False) -> None:
        self.time, self.outage, self.slow, self.deaf = 100.0, outage, slow, deaf
        self.struck = self.healed = 0.0
        self.done: list[tuple[str, Kind, tuple[str, ...]]] = []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def hit(self, kind: Kind, nodes: Sequence[str]) -> None:
        self.done.append(("hit", kind, tuple(nodes)))
        if self.deaf:
            raise LabgenError("the engine does not kill")
        self.struck, self.healed = self.time, 0.0

    def heal(self, kind: Kind, nodes: Sequence[str]) -> None:
        self.done.append(("heal", kind, tuple(nodes)))
        self.healed = self.time

    def ill(self) -> Mapping[str, str]:
        return {} if self.time >= self.healed + self.slow else {"mysql-1": "starting (joins)"}

    def attempts(self, since: float) -> Sequence[Attempt]:
        found = []
        count = int((self.time - 90.0) / PACE)
        for number in range(count):
            began = 90.0 + number * PACE
            ended = began + 0.01
            down = self.struck and self.struck <= ended < self.struck + self.outage
            found += [Attempt(kind, began, ended, "503 no answer" if down else "") for kind in KINDS]
        return [one for one in found if one.ended >= since]


def strike(world: World, *, spare: bool = True, bound: float | None = 15.0) -> Blow:
    (blow,) = hit_all([(("mysql-1",), spare, bound)], Kind.KILL, world)
    return blow


def test_a_short_outage_is_within_its_bound() -> None:
    world = World(4.0)
    blow = strike(world)
    assert blow.impact.seconds == pytest.approx(4.0, abs=2 * PACE)
    assert blow.impact.failed == pytest.approx(2 * 4 / PACE, abs=2)
    assert blow.impact.said == "503 no answer"
    assert blow.back == pytest.approx(1.0, abs=0.5)
    assert blow.fault == ""
    assert world.done == [("hit", Kind.KILL, ("mysql-1",)), ("heal", Kind.KILL, ("mysql-1",))]


def test_nobody_felt_anything() -> None:
    blow = strike(World())
    assert (blow.impact, blow.fault) == (Impact(0.0, 0), "")


def test_too_long_is_a_fault() -> None:
    blow = strike(World(20.0))
    assert blow.fault.startswith("mysql-1: users were affected for 20.")
    assert blow.fault.endswith("s, and may be for 15 s: 503 no answer")


def test_a_node_that_comes_back_may_not_affect_users_for_long_either() -> None:
    blow = replace(strike(World()), healing=Impact(16.0, 30, "503 joins"))
    assert blow.fault == (
        "mysql-1: users were affected for 16.0 s when it came back, and may be for 15 s: 503 joins"
    )
    assert faults_rows(Faults("lab", "large", (blow,), 61.0))[0]["affected"] == "16.0 s when back"
    never = replace(blow, spare=False, healing=Impact(None, 30, "503 joins"))
    assert never.fault == "mysql-1: users were not served any more when it was back: 503 joins"


def test_never_again_is_a_fault_where_others_remain() -> None:
    blow = strike(World(1000.0))
    assert blow.impact.seconds is None
    assert blow.fault == "mysql-1: users were not served any more: 503 no answer"


def test_the_only_one_may_be_missed() -> None:
    world = World(30.0)
    blow = strike(world, spare=False)
    assert (blow.impact.seconds, blow.fault) == (None, "")
    # Nobody waits for what cannot come.
    assert world.healed - world.struck < 15


def test_who_does_not_come_back_ends_the_drill() -> None:
    world = World(slow=500.0)
    blows = hit_all([(("mysql-1",), True, 15.0), (("api-1",), True, 20.0)], Kind.PAUSE, world)
    assert [one.nodes for one in blows] == [("mysql-1",)]
    assert (
        blows[0].fault == "mysql-1: not everybody was well 120 s after it was over: mysql-1: starting (joins)"
    )


@pytest.mark.parametrize(("within", "back"), [(30.0, False), (90.0, True)])
def test_who_comes_back_has_as_long_as_the_user_says(within: float, back: bool) -> None:
    (blow,) = hit_all([(("mysql-1",), True, 15.0)], Kind.KILL, World(slow=60.0), within=within)
    assert (blow.back is not None) == back
    assert ("not everybody was well 30 s after" in blow.fault) != back


def test_a_node_is_healed_when_it_could_not_be_hit() -> None:
    world = World(deaf=True)
    with pytest.raises(LabgenError, match="the engine does not kill"):
        strike(world)
    assert [word for word, _, _ in world.done] == ["hit", "heal"]


def test_an_impact_lasts_until_every_kind_of_user_is_served() -> None:
    attempts = [
        Attempt(READ, 1.0, 1.5, "gone"),
        Attempt(READ, 1.6, 2.0),
        Attempt(WRITE, 1.2, 3.0, "503"),
        Attempt(WRITE, 3.5, 4.0),
    ]
    assert impact_of(attempts, 0.0) == Impact(3.0, 2, "gone")
    assert impact_of(attempts[:3], 0.0) == Impact(None, 2, "gone")
    # A request that was under way when it happened counts from then on.
    assert impact_of(attempts, 1.4).seconds == pytest.approx(2.6)


@pytest.fixture(scope="module")
def large() -> LabPlan:
    return plan_of(LabSpec(size="large"))


@pytest.mark.parametrize(
    ("names", "spare", "bound"),
    [
        (("frontend-1",), True, 3.0),
        (("mysql-2",), True, 15.0),
        (("mysql-1", "mysql-2"), False, 15.0),
        (("api-1", "api-3"), False, 20.0),
        (("mysql-1", "redis-1"), True, 15.0),
        (("dc1-rs-1",), False, None),
        (("api-1", "dc1-rs-1"), False, None),
    ],
)
def test_who_can_be_spared(large: LabPlan, names: tuple[str, ...], spare: bool, bound: float | None) -> None:
    assert targets_of(large, [names]) == [(names, spare, bound)]


def test_reports() -> None:
    good, bad = strike(World(4.0)), strike(World(20.0))
    done = Faults("lab", "large", (good, bad), 61.0, accepted=240, lost=("users-1",), fault=bad.fault)
    first, second = faults_rows(done)
    assert (first["nodes"], first["bound"], first["verdict"]) == ("mysql-1", "15 s", "")
    assert second["verdict"] == "too long"
    assert (
        faults_sentence(done) == "lab 'lab': 2 faults in 61 s; 240 writes accepted meanwhile, 1 of them lost"
    )
    document = faults_document(done)
    assert document["lost"] == ["users-1"]
    assert [one["nodes"] for one in document["faults"]] == [["mysql-1"], ["mysql-1"]]
    assert document["faults"][0].keys() == document["faults"][1].keys()
