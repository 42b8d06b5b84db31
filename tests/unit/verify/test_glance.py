"""What a look inside shows is judged as verification judges it, and told as drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from labgen.engine.drift_model import Drift, DriftKind
from labgen.engine.state import LabState
from labgen.plan.model import LabPlan
from labgen.verify import looks, places
from labgen.verify.glance import drifts_inside, glance, judge_looks
from labgen.verify.look import Listener, Look
from labgen.verify.measurement import Answers, Measurement
from labgen.verify.session import ProbeBroke
from labgen.verify.table import Difference, Kind
from tests.unit.engine.world import World, running
from tests.unit.verify.healthy import Lab, look_of

RULES = {"labgen": None, "labgen_cuts": None}


def inside(lab: Lab, broke: Mapping[str, str] | None = None, **cuts: str) -> list[Drift]:
    looks = {node.name: Answers(look=lab.looks[node.name]) for node in lab.plan.nodes}
    for name, reason in (broke or {}).items():
        looks[name] = Answers(broke=reason)
    measured = Measurement(looks, {}, {}, 0.1)
    return drifts_inside(lab.plan.name, judge_looks(lab.plan, measured, cuts, {}))


@pytest.fixture
def lab(small_plan: LabPlan) -> Lab:
    return Lab(small_plan)


def test_a_lab_as_it_was_made(lab: Lab) -> None:
    assert inside(lab) == []


def planted(lab: Lab, **changes: Any) -> Drift:
    lab.look("redis-1", **changes)
    (found,) = inside(lab)
    assert found.where == "redis-1"
    assert (found.repair, found.up) == ("`labgen restart redis-1 --lab small`", False)
    return found


def test_an_address_more(lab: Lab) -> None:
    found = planted(lab, addresses=(*lab.looks["redis-1"].addresses, "172.17.0.2"))
    assert (found.kind, found.expected, found.found) == (
        DriftKind.ADDRESS,
        "address 172.17.0.2: none",
        "on a network of no document",
    )


def test_an_address_less(lab: Lab, small_plan: LabPlan) -> None:
    (interface,) = small_plan.node_by_name["redis-1"].interfaces
    found = planted(lab, addresses=())
    assert (found.kind, found.expected, found.found) == (
        DriftKind.ADDRESS,
        f"{interface.address} on link api-redis: there",
        "missing",
    )


def test_a_listener_more(lab: Lab) -> None:
    found = planted(lab, listeners=(*lab.looks["redis-1"].listeners, Listener("tcp", 4444, "10.210.0.168")))
    assert (found.kind, found.expected) == (DriftKind.LISTENER, "10.210.0.168:4444/tcp: nobody listens")


def test_no_rules(lab: Lab) -> None:
    found = planted(lab, rules=RULES)
    assert (found.kind, found.expected, found.found) == (
        DriftKind.RULES,
        "the whole table: as rendered",
        "is missing",
    )


def test_a_cut_that_nobody_asked_for(lab: Lab) -> None:
    rules = {**lab.looks["redis-1"].rules, "labgen_cuts": "table inet labgen_cuts {\n}\n"}
    assert planted(lab, rules=rules).kind is DriftKind.CUT


def test_ipv6(lab: Lab) -> None:
    found = planted(lab, ipv6=("fe80::1 on eth0",))
    assert (found.kind, found.expected, found.found) == (DriftKind.IPV6, "IPv6: none", "fe80::1 on eth0")


def test_a_probe_that_broke_is_no_answer(lab: Lab) -> None:
    (found,) = inside(lab, {"redis-1": "no such image"})
    assert (found.kind, found.where, found.found) == (
        DriftKind.PROBE,
        "redis-1",
        "the probe broke: no such image",
    )
    assert (found.repair, found.up) == ("", False)


def test_what_the_engine_explains_is_told_once() -> None:
    differences = [
        Difference(Kind.NETWORK, "ui-1", "", "address 172.18.0.2", "none", "on a network of no document"),
        Difference(Kind.NETWORK, "m-1", "", "10.210.0.8 on link m-mysql", "there", "missing", "10"),
        Difference(Kind.NETWORK, "m-1", "", "address 172.18.0.20", "none", "on a network of no document"),
        Difference(Kind.NODE, "api-1", "", "the node", "running", "stopped"),
    ]
    known = [
        Drift(DriftKind.ATTACHMENT, "ui-1", "not on network x", "it is on it as 172.18.0.2", ""),
        Drift(DriftKind.ATTACHMENT, "m-1", "on network y as 10.210.0.8", "it is not on it", ""),
    ]
    assert [one.expected for one in drifts_inside("small", differences, known)] == [
        "address 172.18.0.20: none"
    ]
    assert len(drifts_inside("small", differences)) == 3


def test_they_come_in_the_order_of_their_kinds(lab: Lab) -> None:
    lab.look("api-1", ipv6=("fe80::1 on eth0",))
    lab.look("redis-1", rules=RULES)
    lab.look("ui-1", addresses=())
    kinds = [one.kind for one in inside(lab)]
    assert kinds == sorted(kinds, key=list(DriftKind).index)
    assert len(set(kinds)) == 3


class FakeProbe(AbstractContextManager["FakeProbe"]):
    """A probe that looks around in a node that is as planned; or breaks in one way or another."""

    trouble: ClassVar[dict[str, Exception]] = {}
    asked: ClassVar[list[str]] = []

    def __init__(
        self, _engine: object, lab: str, image: str, network: str, *, seconds: int, vrrp: bool, program: str
    ) -> None:
        assert not vrrp, "nobody is to be spoken to"
        assert (lab, image.partition(":")[0]) == ("small", "labgen/probe")
        assert program == "", "nothing of this lab has the volume"
        assert seconds > 0
        self.network = network

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, request: dict[str, str]) -> str:
        assert request == {"op": "look"}
        self.asked.append(self.network)
        if self.network in self.trouble:
            raise self.trouble[self.network]
        return self.network.removeprefix("id-")


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, small_plan: LabPlan) -> Callable[[World], list[Difference]]:
    """A glance at the small lab, without probes of its own."""
    monkeypatch.setattr(FakeProbe, "trouble", {})
    monkeypatch.setattr(FakeProbe, "asked", [])
    monkeypatch.setattr(looks, "Probe", FakeProbe)
    monkeypatch.setattr(looks, "read_look", lambda name: look_of(small_plan, small_plan.node_by_name[name]))
    built: list[str] = []
    monkeypatch.setattr(places, "build_images", lambda _engine, images, _emit: built.extend(images))
    monkeypatch.setattr(places, "missing_images", lambda _engine, images: [one.name for one in images])

    def glancing(world: World) -> list[Difference]:
        found = glance(world.engine, LabState("small", Path("/no/such/folder")), small_plan)
        assert "probe" in built, "it is no part of a lab, so `up` may not have made it"
        return found

    return glancing


@pytest.fixture
def world(small_plan: LabPlan) -> World:
    return running(small_plan)


def test_every_node_is_looked_into(
    look: Callable[[World], list[Difference]], world: World, small_plan: LabPlan
) -> None:
    assert look(world) == []
    assert sorted(FakeProbe.asked) == sorted(f"id-{name}" for name in small_plan.node_by_name)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProbeBroke("the probe could not start: no"), "the probe could not start: no"),
        (KeyError("rules"), "the probe's answer is not readable: KeyError 'rules'"),
    ],
)
def test_one_that_breaks_is_told_and_the_others_are_looked_into(
    look: Callable[[World], list[Difference]], world: World, error: Exception, said: str
) -> None:
    FakeProbe.trouble["id-redis-1"] = error
    (found,) = look(world)
    assert (found.kind, found.source, found.evidence) == (Kind.PROBE, "redis-1", said)
    assert len(FakeProbe.asked) == len(world.containers)


@pytest.mark.parametrize("stays", [False, True])
def test_who_listens_only_for_a_moment_is_no_difference(
    look: Callable[[World], list[Difference]],
    world: World,
    small_plan: LabPlan,
    monkeypatch: pytest.MonkeyPatch,
    stays: bool,
) -> None:
    stranger = Listener("udp", 40000, "10.77.0.2")

    def seen(name: str) -> Look:
        found = look_of(small_plan, small_plan.node_by_name[name])
        strange = name == "redis-1" and (stays or FakeProbe.asked.count("id-redis-1") == 1)
        return replace(found, listeners=(*found.listeners, stranger)) if strange else found

    monkeypatch.setattr(looks, "read_look", seen)
    assert [one.source for one in look(world)] == ["redis-1"] * stays
    assert sorted(FakeProbe.asked) == sorted(
        ["id-redis-1", *(f"id-{one}" for one in small_plan.node_by_name)]
    )


def test_who_does_not_run_is_not_looked_into(look: Callable[[World], list[Difference]], world: World) -> None:
    world.containers[0] |= {"State": "exited", "Status": "Exited (0)"}
    world.containers[1] |= {"State": "running", "Status": "Up 1 second (health: starting)"}
    del world.containers[2]
    assert look(world) == []
    assert len(FakeProbe.asked) == len(world.containers) - 1
