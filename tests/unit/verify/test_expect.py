"""What the documents promise for the small lab: every realised row, for every pair that it joins."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from labgen.catalogue.model import Speak
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.verify.expect import expected_dialogues, published_dialogues

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue
    from labgen.plan.model import LabPlan


def test_every_row_of_the_small_lab_is_spoken(small_plan: LabPlan) -> None:
    dialogues = expected_dialogues(small_plan)
    assert {one.connection.id for one in dialogues} == {row.id for row in small_plan.connections}
    assert len({one.id for one in dialogues}) == len(dialogues) > 20


def test_each_goes_from_and_to_the_roles_of_its_row(small_plan: LabPlan) -> None:
    role = {node.name: node.role for node in small_plan.nodes}
    for one in expected_dialogues(small_plan):
        assert role[one.source] == one.connection.source
        assert role[one.destination] == one.connection.destination
        assert one.source != one.destination


def test_as_many_as_the_documents_have_pairs(catalogue: Catalogue) -> None:
    """Counted the slow way: each row times its sources times the destinations that they may reach."""
    spec = LabSpec.model_validate({"datacenters": 2, "counts": {"api": 2, "rs": 3}})
    plan = make_plan(catalogue, spec, "lab")
    found = Counter(one.connection.id for one in expected_dialogues(plan))
    platform = "platform"
    for row in plan.connections:
        pairs = sum(
            (source.role, destination.role) == (row.source, row.destination)
            and source is not destination
            and (platform in {source.site, destination.site} or source.site == destination.site)
            for source in plan.nodes
            for destination in plan.nodes
        )
        assert found[row.id] == pairs, row.id


def test_in_the_order_of_the_nodes(small_plan: LabPlan) -> None:
    """One probe per source node: its dialogues must stand together."""
    order = [node.name for node in small_plan.nodes]
    sources = [one.source for one in expected_dialogues(small_plan)]
    assert sources == sorted(sources, key=order.index)


def test_as_the_probe_takes_it(small_plan: LabPlan) -> None:
    dialogues = expected_dialogues(small_plan)
    one = next(one for one in dialogues if (one.source, one.destination) == ("api-1", "mysql-1"))
    assert one.id == f"{one.connection.id}: api-1 -> mysql-1"
    assert one.as_check({}) == {
        "id": one.id,
        "protocol": "mysql",
        "transport": "tcp",
        "host": "mysql-1",
        "port": 3306,
        "timeout": 5.0,
        "options": {},
    }


def test_what_to_say_comes_from_the_row(small_plan: LabPlan) -> None:
    spoken = [one for one in expected_dialogues(small_plan) if one.connection.speak]
    assert spoken
    for one in spoken:
        speak, options = one.connection.speak, one.as_check({"console_token": "abc"})["options"]
        assert speak is not None
        assert set(options) <= {"path", "status", "write"}
        assert None not in options.values()
        assert "{" not in options.get("path", ""), "every secret is filled in"
        assert options.get("status") == speak.status


def test_a_secret_in_a_path(small_plan: LabPlan) -> None:
    one = expected_dialogues(small_plan)[0]
    speak = Speak(path="/console?token={console_token}")
    asking = replace(one, connection=one.connection.model_copy(update={"speak": speak}))
    assert asking.as_check({"console_token": "abc"})["options"] == {"path": "/console?token=abc"}


def test_a_token_that_nobody_can_give_asks_for_any_answer(small_plan: LabPlan) -> None:
    """A lab without a hypervisor has no console: nothing can be demanded of the answer but that it is one."""
    one = expected_dialogues(small_plan)[0]
    speak = Speak(path="/console?token={console_token}", status=101)
    asking = replace(one, connection=one.connection.model_copy(update={"speak": speak}))
    assert asking.as_check({})["options"] == {"path": "/console?token=", "anything": True}


def test_a_cut_wire_is_asked_with_little_patience(small_plan: LabPlan) -> None:
    first = expected_dialogues(small_plan)[0]
    assert first.as_check({}, cut=True)["timeout"] == 0.5
    assert first.as_check({}, again=True)["timeout"] == 15.0


def test_this_machine_speaks_to_every_published_port(small_plan: LabPlan) -> None:
    found = [
        (one.connection.id, one.source, one.destination, one.host, one.port)
        for one in published_dialogues(small_plan)
    ]
    assert found == [
        ("1", "host", "frontend-1", "localhost", 8080),
        ("2", "host", "frontend-1", "localhost", 8443),
        ("35", "host", "frontend-1", "localhost", 41337),
    ]
