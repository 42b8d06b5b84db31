"""A drill says who noticed which wire, heals it whatever happens, and ends when somebody stays unwell."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labgen.engine.cuts import Wire
from labgen.errors import LabgenError
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from labgen.verify.drill import Drill, Felt, Late, Trial, drill, watched_of, wires_of
from labgen.verify.felt import Impact
from tests.unit.plan.specs import plan_of
from tests.unit.verify.drilled import Drilled, Notices

WINDOW = 6.0


def run(plan: LabPlan, lab: Drilled, *wires: Wire) -> Drill:
    return drill(plan, wires or wires_of(plan), lab, window=WINDOW)


def lab_of(plan: LabPlan, notices: Notices | None = None) -> Drilled:
    return Drilled(list(plan.node_by_name), notices or {})


def only(plan: LabPlan, lab: Drilled, wire: Wire) -> Trial:
    (trial,) = run(plan, lab, wire).trials
    return trial


@pytest.fixture(scope="session")
def wire(small_plan: LabPlan) -> Wire:
    return Wire.between(small_plan, "redis-1", "api-1")


def test_every_documented_pair_is_one_wire(small_plan: LabPlan) -> None:
    pairs = {
        frozenset((node.name, one.node.name))
        for node in small_plan.nodes
        for one in small_plan.neighbours(node)
    }
    wires = wires_of(small_plan)
    assert {frozenset((one.one, one.other)) for one in wires} == pairs
    assert len(wires) == len(pairs) > 30


def test_who_notices_and_when(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan, {wire: {"api-1": [(2.0, None)], "ui-1": [(4.0, None)]}})
    trial = only(small_plan, lab, wire)
    assert [one.node for one in trial.notices] == ["api-1", "ui-1"]
    api, ui = trial.notices
    # Not before it happens, and within one round of checks.
    assert 2.0 <= api.after <= 2.0 + lab.period + lab.took
    assert 4.0 <= ui.after <= 4.0 + lab.period + lab.took
    assert api.said == "api-1 - redis-1 is silent"
    assert api.lasting
    assert trial.well_after is not None
    assert lab.recovery <= trial.well_after <= lab.recovery + lab.period + lab.took
    assert not trial.late


def test_what_a_wire_is(small_plan: LabPlan, wire: Wire) -> None:
    trial = only(small_plan, lab_of(small_plan), wire)
    assert trial.wire == Wire("api-1", "redis-1")
    assert (trial.link, trial.connections, trial.dependants) == ("api-redis", ("13",), ("api-1",))
    both = only(small_plan, lab_of(small_plan), Wire.between(small_plan, "dc1-rs-1", "api-1"))
    assert both.dependants == ("api-1", "dc1-rs-1")
    assert len(both.connections) == 3


def test_nobody_notices(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan)
    trial = only(small_plan, lab, wire)
    assert (trial.notices, trial.well_after) == ((), 0.0)
    assert lab.calls == [("cut", wire), ("heal", wire)]


def test_a_wire_stays_cut_for_the_whole_window(small_plan: LabPlan, wire: Wire) -> None:
    """Somebody far away may notice last, so that everybody near has noticed ends nothing."""
    lab = lab_of(small_plan, {wire: {"api-1": [(0.0, None)], "client-1": [(WINDOW - 1.5, None)]}})
    trial = only(small_plan, lab, wire)
    assert lab.moments["heal"] - lab.moments["cut"] == WINDOW
    assert [one.node for one in trial.notices] == ["api-1", "client-1"]


def test_who_helps_itself_is_said_to_be_over_it(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan, {wire: {"api-1": [(1.0, 3.0)], "m-1": [(2.0, None)]}})
    trial = only(small_plan, lab, wire)
    api, m = trial.notices
    assert not api.lasting
    assert api.over is not None
    assert 3.0 <= api.over <= 3.0 + lab.period + lab.took
    assert m.lasting
    alone = lab_of(small_plan, {wire: {"api-1": [(1.0, 3.0)]}})
    assert only(small_plan, alone, wire).well_after == 0.0


def test_who_is_unwell_by_turns_is_unwell(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan, {wire: {"api-1": [(0.0, 1.5), (3.0, None)]}})
    (api,) = only(small_plan, lab, wire).notices
    assert api.lasting
    assert api.after < 1.5


def test_a_check_that_was_under_way_says_nothing_of_the_wire(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan)
    lab.period, lab.took = 3.0, 2.9
    under_way: list[str] = []
    cut: list[float] = []
    lab.before_each = lambda what: cut.append(lab.now()) if what == "cut" else None

    def hiccup(name: str, began: float) -> str:
        if not cut or began >= cut[0]:
            return ""
        under_way.append(name)
        return "it was busy"

    lab.fault = hiccup
    assert only(small_plan, lab, wire).notices == ()
    assert under_way


def test_who_notices_while_the_wire_is_healed_has_noticed(small_plan: LabPlan, wire: Wire) -> None:
    """A check that began in time and is heard of late is no other wire's."""
    lab = lab_of(small_plan, {wire: {"api-1": [(WINDOW - 0.9, None)]}})
    lab.took = 2.0
    trial = only(small_plan, lab, wire)
    (api,) = trial.notices
    assert api.after > WINDOW
    assert trial.well_after is not None


def test_a_check_from_before_the_healing_does_not_say_that_a_node_is_well(
    small_plan: LabPlan, wire: Wire
) -> None:
    """It may have begun before the node noticed, and the next one fails: that is still this wire's."""
    lab = lab_of(small_plan, {wire: {"api-1": [(WINDOW - 0.5, None)]}})
    lab.period, lab.took, lab.recovery = 3.0, 2.9, 5.0
    (api,) = only(small_plan, lab, wire).notices
    assert api.after > WINDOW


def test_well_is_who_stays_well(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan, {wire: {"api-1": [(2.0, None)]}})
    lab.recovery = 4.0

    def again(name: str, began: float) -> str:
        since = lab.moments.get("heal", began)
        return "again" if name == "m-1" and 2.0 < began - since < 6.0 else ""

    lab.fault = again
    trial = only(small_plan, lab, wire)
    assert trial.well_after is not None
    assert trial.well_after > 5.0
    assert [one.node for one in trial.notices] == ["api-1", "m-1"]


def test_each_wire_is_tried_on_a_lab_that_is_well(small_plan: LabPlan) -> None:
    wires = wires_of(small_plan)
    lab = lab_of(small_plan, {one: {one.one: [(2.0, None)]} for one in wires})
    done = run(small_plan, lab)
    assert [one.wire for one in done.trials] == wires
    assert [[notice.node for notice in one.notices] for one in done.trials] == [[one.one] for one in wires]
    assert lab.calls == [(what, one) for one in wires for what in ("cut", "heal")]
    assert (done.fault, done.window) == ("", WINDOW)
    assert done.seconds == pytest.approx(lab.now() - 100.0)


def test_who_stays_unwell_ends_the_drill(small_plan: LabPlan) -> None:
    first, second, third = wires_of(small_plan)[:3]
    lab = lab_of(small_plan, {second: {"m-1": [(2.0, None)]}})
    lab.recovery = 1000.0
    done = run(small_plan, lab, first, second, third)
    assert [one.wire for one in done.trials] == [first, second]
    assert (done.trials[1].well_after, done.trials[1].late) == (None, (Late("m-1", "not well yet"),))
    assert done.fault == (
        f"the wire {second.one} - {second.other} was cut and healed, and 40 s later not everybody was well:\n"
        "  m-1: not well yet"
    )
    assert not lab.there


@pytest.mark.parametrize(("within", "recovered"), [(20.0, False), (50.0, True)])
def test_all_have_as_long_as_the_user_says(
    small_plan: LabPlan, wire: Wire, within: float, recovered: bool
) -> None:
    lab = lab_of(small_plan, {wire: {"m-1": [(2.0, None)]}})
    lab.recovery = 30.0
    done = drill(small_plan, [wire], lab, window=WINDOW, within=within)
    assert not done.fault if recovered else " and 20 s later not everybody was well:\n" in done.fault


def test_a_lab_that_is_not_well_is_left_alone(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan)
    lab.ill = {"m-1": "port 8009 is silent", "ui-1": "no answer"}
    with pytest.raises(LabgenError) as caught:
        run(small_plan, lab, wire)
    assert str(caught.value) == (
        "lab 'small' is not well, and a drill begins with a healthy one:\n"
        "  ui-1: no answer\n"
        "  m-1: port 8009 is silent\n"
        "`labgen up small` repairs a lab; `labgen status small` shows its nodes."
    )
    assert not lab.calls


def test_a_node_that_nobody_hears_of_is_not_well(small_plan: LabPlan, wire: Wire) -> None:
    lab = Drilled([name for name in small_plan.node_by_name if name != "m-1"])
    with pytest.raises(LabgenError, match=r"\n  m-1: its health check said nothing\n"):
        run(small_plan, lab, wire)


def test_somebody_else_who_cuts_ends_the_drill(small_plan: LabPlan, wire: Wire) -> None:
    other = Wire("api-1", "mysql-1")
    lab = lab_of(small_plan)
    lab.there.append(other)
    done = run(small_plan, lab, wire)
    assert done.trials == ()
    assert done.fault.startswith("somebody else cut the wire api-1 - mysql-1 meanwhile: ")
    assert lab.there == [other], "it is not ours to heal"


@given(st.integers(0, 400), st.sampled_from([KeyboardInterrupt, RuntimeError, LabgenError]))
def test_whatever_ends_it_no_wire_stays_cut(
    small_plan: LabPlan, number: int, error: type[BaseException]
) -> None:
    wires = wires_of(small_plan)[:4]
    lab = lab_of(small_plan, {one: {one.one: [(2.0, None)]} for one in wires})
    left = number

    def count(_what: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error("now")

    lab.before_each = count
    try:
        done = run(small_plan, lab, *wires)
    except error:
        assert left < 0
    else:
        assert len(done.trials) == len(wires)
    assert not lab.there
    for (what, one), (after, same) in pairwise(lab.calls):
        assert what != "cut" or (after, same) == ("heal", one)


def test_one_line_is_told_for_each_wire(small_plan: LabPlan) -> None:
    told: list[str] = []
    wires = wires_of(small_plan)[:2]
    drill(small_plan, wires, lab_of(small_plan), window=1.0, tell=told.append)
    assert told == [f"{n}/2: the wire {one.one} - {one.other}" for n, one in enumerate(wires, 1)]


def test_users_who_feel_nothing(small_plan: LabPlan, wire: Wire) -> None:
    trial = only(small_plan, lab_of(small_plan), wire)
    assert trial.felt == Felt(Impact(0.0, 0), alone=True)


def test_a_platform_that_goes_on_by_itself(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan)
    lab.outages = {wire: (0.5, 2.5)}
    felt = only(small_plan, lab, wire).felt
    assert felt is not None
    assert felt.impact.seconds == pytest.approx(2.0, abs=0.5)
    assert felt.impact.failed == 16
    assert (felt.impact.said, felt.alone) == ("503 no answer", True)


@pytest.mark.parametrize("recovery", [9.0, -0.4])
def test_users_who_are_affected_until_it_is_healed(small_plan: LabPlan, wire: Wire, recovery: float) -> None:
    """Also when they are well again while it is being healed, at one end and not yet at the other."""
    lab = lab_of(small_plan)
    lab.outages, lab.recovery = {wire: (1.0, None)}, recovery
    felt = only(small_plan, lab, wire).felt
    assert felt is not None
    assert not felt.alone
    # From a second after the cut until so many after the healing, which takes half a second.
    assert felt.impact.seconds == pytest.approx(WINDOW - 1.0 + 0.5 + recovery, abs=0.5)
    assert lab.now() - lab.moments["heal"] > recovery + 2.0, "the next wire is not cut before users are well"


def test_users_who_are_never_served_again_end_the_drill(small_plan: LabPlan) -> None:
    first, second = wires_of(small_plan)[:2]
    lab = lab_of(small_plan)
    lab.outages, lab.recovery = {first: (0.0, None)}, 1000.0
    done = run(small_plan, lab, first, second)
    assert [one.wire for one in done.trials] == [first]
    assert done.fault == (
        f"the wire {first.one} - {first.other} was cut and healed, and 40 s later users were not served: "
        "503 no answer"
    )


def test_a_wire_of_the_users_own_is_none_that_they_feel(small_plan: LabPlan) -> None:
    """Those of the drill come from this machine, in place of the documents' users."""
    assert only(small_plan, lab_of(small_plan), Wire("frontend-1", "client-1")).felt is None
    done = run(small_plan, lab_of(small_plan))
    unseen = [one.wire for one in done.trials if one.felt is None]
    assert [{one.one, one.other} for one in unseen] == [{"frontend-1", "client-1"}]


def test_a_lab_without_users(small_plan: LabPlan, wire: Wire) -> None:
    lab = lab_of(small_plan)
    lab.users = False
    assert only(small_plan, lab, wire).felt is None


def test_who_is_watched(small_plan: LabPlan) -> None:
    """All; of many nodes those at the wire and who reaches them, which may notice it through them."""
    assert watched_of(small_plan, [Wire("api-1", "redis-1")]) == tuple(small_plan.node_by_name)
    large = plan_of(LabSpec(size="large"))
    watched = watched_of(large, [Wire("ui-2", "api-3")])
    assert {"ui-2", "api-3", "frontend-1", "ui-1", "dc1-rs-1"} <= set(watched)
    assert not {"mysql-1", "redis-1", "dc1-hypervisor-1"} & set(watched)
    assert set(watched_of(large, wires_of(large))) == set(large.node_by_name)
    lab = Drilled(list(watched))
    done = run(large, lab, Wire("ui-2", "api-3"))
    assert (done.nodes, done.fault) == (watched, "")
