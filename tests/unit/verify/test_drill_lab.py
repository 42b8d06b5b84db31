"""Which labs are drilled, what a drill leaves behind, and that an interrupt waits until a wire is healed."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self

import pytest
import requests

from labgen.catalogue.model import Catalogue
from labgen.engine.cuts import Wire
from labgen.engine.state import LabState
from labgen.engine.watchers import Watchers, pause_of
from labgen.errors import LabgenError
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from labgen.render.cuts import CUTS_FILE, cuts_text
from labgen.verify import drill_lab as module
from labgen.verify.drill import watched_of, wires_of
from labgen.verify.drill_lab import Interrupts, drill_lab
from tests.unit.engine.world import Heard, World, run_lab
from tests.unit.verify.drilled import Drilled

WIRE = Wire("api-1", "redis-1")


@pytest.fixture
def state(tmp_path: Path, small_plan: LabPlan) -> LabState:
    return LabState(small_plan.name, tmp_path / "small")


@pytest.fixture
def world(small_plan: LabPlan) -> World:
    world = World()
    run_lab(world, small_plan)
    return world


class Crowd(AbstractContextManager["Crowd"]):
    """Users who are done as soon as they began."""

    accepted, lost, unknown, refused = 7, (), "", ""

    def __enter__(self) -> Self:
        if self.refused:
            raise LabgenError(self.refused, "look at it")
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch, state: LabState) -> type[Crowd]:
    (state.folder / "secrets").mkdir(parents=True)
    (state.folder / "tls").mkdir()
    (state.folder / "tls" / "ca.crt").write_text("PEM")
    found = type("Users", (Crowd,), {})
    monkeypatch.setattr(module, "users_of", lambda *_: found())
    return found


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, small_plan: LabPlan) -> Drilled:
    """What a drill does to the lab, and hears of it, without any container."""
    lab = Drilled(list(small_plan.node_by_name))
    monkeypatch.setattr(module, "_Lab", lambda *_: lab)
    monkeypatch.setattr(module, "Watchers", lambda *_: nullcontext())
    monkeypatch.setattr(module, "_AT_THE_END", 0.0)
    return lab


def cut_by_hand(state: LabState, plan: LabPlan) -> None:
    path = state.folder / "nodes" / "api-1" / CUTS_FILE
    path.parent.mkdir(parents=True)
    path.write_text(cuts_text(plan, "api-1", ["redis-1", "mysql-1"]))


def test_a_healthy_lab_is_drilled(world: World, state: LabState, small_plan: LabPlan, lab: Drilled) -> None:
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert (done.fault, done.accepted, done.lost, done.unknown) == ("", 7, (), "")
    assert lab.calls == [("cut", WIRE), ("heal", WIRE)]


@pytest.mark.usefixtures("lab")
def test_many_nodes_are_asked_seldom_and_given_the_time(
    state: LabState, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, world = make_plan(catalogue, LabSpec(size="large"), "large"), World()
    run_lab(world, large)
    pauses: list[float] = []

    def watch(_engine: object, _nodes: object, pause: float) -> AbstractContextManager[None]:
        pauses.append(pause)
        return nullcontext()

    monkeypatch.setattr(module, "Watchers", watch)
    monkeypatch.setattr(module, "_Lab", lambda *_: Drilled(list(large.node_by_name)))
    wires, heard = wires_of(large), Heard()
    done = drill_lab(world.engine, state, large, wires, emit=heard)
    assert pauses == [pause_of(len(watched_of(large, wires)), len(large.nodes))]
    assert 6 < pauses[0] + 4 <= done.window <= pauses[0] + 4.1
    assert heard.lines[-1] == "looking for 7 accepted writes"
    assert heard.lines[0] == f"watching 54 nodes; 219 wires, each cut for {done.window:.2g} s"


@pytest.mark.usefixtures("lab")
def test_a_write_that_is_gone_is_the_drills_fault(
    world: World, state: LabState, small_plan: LabPlan, users: type[Crowd]
) -> None:
    users.lost = ("users-a-1", "users-a-2")  # type: ignore[assignment]
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert done.fault == "2 of 7 accepted writes are gone: users-a-1, users-a-2"
    assert (done.lost, done.unknown) == (users.lost, "")


@pytest.mark.usefixtures("lab")
def test_writes_that_could_not_be_looked_for_are_a_fault(
    world: World, state: LabState, small_plan: LabPlan, users: type[Crowd]
) -> None:
    users.unknown = "GET /api/x: 503 no database"
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert done.fault == done.unknown
    assert done.fault == ("nobody knows whether 7 accepted writes are there: GET /api/x: 503 no database")


@pytest.mark.usefixtures("lab")
def test_a_lab_that_no_user_can_use_is_drilled_without(
    world: World, state: LabState, small_plan: LabPlan, users: type[Crowd]
) -> None:
    users.refused = "lab 'small' publishes no port 'https', through which a user would come"
    heard = Heard()
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0, emit=heard)
    assert (done.fault, done.unknown, done.accepted) == ("", users.refused, 0)
    assert users.refused in heard.lines


def test_a_lab_with_cut_wires_is_refused(
    world: World, state: LabState, small_plan: LabPlan, lab: Drilled
) -> None:
    cut_by_hand(state, small_plan)
    with pytest.raises(LabgenError) as caught:
        drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert str(caught.value) == (
        "lab 'small' has wires that are cut already: api-1 - mysql-1, api-1 - redis-1\n"
        "A drill leaves no wire cut, and these are yours: `labgen heal --lab small` first."
    )
    assert not lab.calls


def test_a_lab_that_is_not_healthy_is_refused(
    world: World, state: LabState, small_plan: LabPlan, lab: Drilled
) -> None:
    by_node = {one["Id"]: one for one in world.containers}
    by_node["id-api-1"]["Status"] = "Up 1 minute (unhealthy)"
    by_node["id-m-1"] |= {"State": "exited", "Status": "Exited (137) 1 minute ago"}
    world.containers.remove(by_node["id-ui-1"])
    with pytest.raises(LabgenError) as caught:
        drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert str(caught.value) == (
        "lab 'small' is not healthy, and a drill begins with a healthy one:\n"
        "  ui-1: missing\n"
        "  api-1: unhealthy (Up 1 minute (unhealthy))\n"
        "  m-1: stopped (Exited (137) 1 minute ago)\n"
        "`labgen up small` repairs a lab; `labgen status small` shows its nodes."
    )
    assert not lab.calls


def test_a_node_that_is_lost_on_the_way_is_the_drills_fault(
    world: World, state: LabState, small_plan: LabPlan, lab: Drilled
) -> None:
    lab.before_each = lambda what: world.containers.clear() if what == "was cut" else None
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert done.fault.startswith("after the drill some nodes are not healthy:\n  frontend-1: missing\n")
    assert len(done.trials) == 1


def test_a_wire_that_is_cut_at_the_end_is_the_drills_fault(
    world: World, state: LabState, small_plan: LabPlan, lab: Drilled
) -> None:
    lab.before_each = lambda what: cut_by_hand(state, small_plan) if what == "was cut" else None
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert done.fault == "after the drill some wires are cut: api-1 - mysql-1, api-1 - redis-1"


def test_a_fault_of_the_drill_itself_stays(
    world: World, state: LabState, small_plan: LabPlan, lab: Drilled
) -> None:
    lab.notices, lab.recovery = {WIRE: {"m-1": [(0.0, None)]}}, 1000.0
    world.containers[0]["Status"] = "Up 1 minute (healthy)"
    done = drill_lab(world.engine, state, small_plan, [WIRE], window=2.0)
    assert done.fault.startswith("the wire api-1 - redis-1 was cut and healed, and 40 s later")


@pytest.mark.parametrize(
    "error", [LabgenError("locked"), requests.ConnectionError("no answer\nmore"), OSError("full")]
)
def test_a_wire_that_cannot_be_healed_is_named(
    world: World,
    state: LabState,
    small_plan: LabPlan,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, "change_cuts", refuse)
    effects = module._Lab(
        world.engine, state, small_plan, Watchers(world.engine, {}, 1.0), Interrupts(), None
    )
    with pytest.raises(LabgenError) as caught:
        effects.heal(WIRE)
    reason = str(error).splitlines()[0]
    assert str(caught.value) == (
        f"the wire api-1 - redis-1 is cut and could not be healed: {reason}\n"
        "`labgen heal api-1 redis-1 --lab small` plugs it in again."
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_interrupt_ends_and_no_other_does(number: signal.Signals) -> None:
    undone = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            signal.raise_signal(signal.SIGINT)
            undone.append("all of it")

    with Interrupts(), pytest.raises(KeyboardInterrupt):
        work()
    assert undone == ["all of it"]


def test_an_interrupt_waits_while_a_wire_is_healed() -> None:
    healed = []

    def heal() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        healed.append("it")

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.held():
        heal()
    assert healed == ["it"]


def test_an_interrupt_is_told_once() -> None:
    """Who heals because of an interrupt is not interrupted again afterwards."""
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)


def test_a_fault_while_held_is_not_hidden() -> None:
    with Interrupts() as interrupts, pytest.raises(LabgenError, match="no"), interrupts.held():
        raise LabgenError("no")


def test_afterwards_signals_do_what_they_did() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
