"""The layout: nothing lies on anything else, and every wire begins and ends where it says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from labgen.plan.spec import LabSpec
from labgen.render.graph.layout import lay_out
from labgen.render.graph.model import Picture, picture_of
from labgen.render.graph.order import Strand, crossings, overlap, tracks_of
from tests.unit.graph.geometry import (
    overlapping_boxes,
    overlapping_wires,
    wires_through_boxes,
    wrong_ends,
    wrong_places,
)
from tests.unit.graph.pictures import connections, drawn, faulty, nasty
from tests.unit.plan.specs import lab_specs, plan_of

LABS = {
    "small": drawn(),
    "faulty": faulty(),
    "nasty": nasty(),
    "three": drawn(datacenters=3, regions=2),
    "sixty": drawn(datacenters=3, counts={"rs": 2, "api": 3, "hypervisor": 3, "guest": 2, "m": 2, "ui": 2}),
    "alone": drawn(counts=dict.fromkeys((node.role for node in plan_of(LabSpec()).nodes), 0) | {"dhcp": 1}),
}


@pytest.mark.parametrize("picture", LABS.values(), ids=LABS)
def test_nothing_lies_on_anything_else(picture: Picture) -> None:
    layout = lay_out(picture)
    assert overlapping_boxes(layout) == []
    assert wrong_places(picture, layout) == []
    assert wires_through_boxes(layout) == []
    assert wrong_ends(picture, layout) == []
    assert overlapping_wires(layout) == []


@given(lab_specs(most=4))
@settings(max_examples=15)
def test_any_lab(spec: LabSpec) -> None:
    picture = picture_of(plan_of(spec))
    layout = lay_out(picture)
    assert overlapping_boxes(layout) == []
    assert wrong_places(picture, layout) == []
    assert wires_through_boxes(layout) == []
    assert wrong_ends(picture, layout) == []
    wires = Counter((one.source, one.destination, one.row.id) for one in layout.wires)
    assert wires == Counter(connections(picture))


def test_wires_to_the_nodes_of_a_role_are_one_net() -> None:
    """A lab of twice the nodes has not four times the lines."""
    few, many = lay_out(drawn()), lay_out(drawn(counts={"api": 3, "rs": 3, "hypervisor": 3}))
    assert len({id(wire.net) for wire in few.wires}) == len({id(wire.net) for wire in many.wires})
    assert len(many.wires) > 2 * len(few.wires)


def test_a_cut_wire_runs_alone() -> None:
    for wire in lay_out(faulty()).wires:
        assert wire.net.cut == ((wire.source, wire.destination) == ("api-1", "mysql-1"))


def test_a_users_machine_stands_before_its_site_and_what_is_reached_behind_it() -> None:
    sheet = lay_out(drawn()).sheet
    places = {place.id: rect for place, rect in sheet.places}
    assert places["platform-outside"].right < places["platform"].x
    assert places["dc1"].right < places["dc1-outside"].x
    assert places["platform"].bottom < places["dc1"].y


def test_same_picture_same_layout() -> None:
    wires = [[wire.points for wire in lay_out(drawn(datacenters=2)).wires] for _ in range(2)]
    assert wires[0] == wires[1]


@pytest.mark.timeout(120)
def test_three_hundred_nodes() -> None:
    picture = drawn(datacenters=23, regions=5, counts={"rs": 3, "hypervisor": 4}, supernet="10.0.0.0/8")
    assert 280 < len(picture.boxes) < 350
    assert wires_through_boxes(lay_out(picture)) == []


def strand(before: tuple[int, ...], behind: tuple[int, ...]) -> Strand:
    taps = sorted((*before, *behind))
    return Strand(before, behind, taps[0], taps[-1], taps[0], taps[-1])


def test_crossings_depend_on_the_order() -> None:
    short, long = strand((), (10, 20)), strand((0,), (30,))
    assert (crossings(short, long), crossings(long, short)) == (2, 0)
    assert tracks_of([short, long]) == [1, 0]


def test_wires_that_meet_head_on_are_put_the_other_way_round() -> None:
    left, right = strand((10,), (50,)), strand((20,), (11,))
    assert overlap(right, left)
    assert not overlap(left, right)
    assert tracks_of([right, left]) == [1, 0]


def test_strands_that_are_not_beside_each_other_share_a_track() -> None:
    assert tracks_of([strand((0,), (10,)), strand((30,), (40,))]) == [0, 0]
    assert sorted(tracks_of([strand((0,), (10,)), strand((5,), (40,))])) == [0, 1]
