"""Which wires a step crosses, and what of it servers told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.catalogue.model import JourneyStep, Scope
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.smoke.model import Crossing
from labgen.smoke.ways import crossings, nodes_of, told

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan


def step(*rows: str) -> JourneyStep:
    return JourneyStep(id="x", scope=Scope.DATACENTER, title="x", rows=rows)


def test_only_wires_of_the_site_and_of_the_platform() -> None:
    plan = make_plan(default_catalogue(), LabSpec(datacenters=2), "two")
    assert crossings(plan, step("39", "9"), "dc2") == (
        Crossing("dc2-rs-1", "dc2-hypervisor-1:8889", "39"),
        Crossing("api-1", "mysql-1:3306", "9"),
    )


def test_rows_that_the_lab_lacks_are_left_out(small_plan: LabPlan) -> None:
    assert crossings(small_plan, step("30-api", "30"), "dc1") == (
        Crossing("dc1-rs-1", "dc1-dhcp-1:7911", "30"),
    )


def test_several_nodes_of_a_role_stand_for_each_other() -> None:
    plan = make_plan(default_catalogue(), LabSpec(counts={"api": 2}), "two")
    crossed = crossings(plan, step("9"), "dc1")
    assert crossed == (Crossing("api-1|api-2", "mysql-1:3306", "9"),)
    assert nodes_of(crossed) == ("api-1", "api-2", "mysql-1")
    task = {"jobs": {"collection": [{"steps": [{"connection": "9", "server": "mysql-1", "ms": 2}]}]}}
    assert told(task, crossed)[0].ms == 2.0


def test_times_add_up_over_jobs(small_plan: LabPlan) -> None:
    job = {"steps": [{"connection": "39", "server": "dc1-hypervisor-1", "ms": 2.5}, {"connection": "1"}]}
    crossed = crossings(small_plan, step("39", "9"), "dc1")
    assert [one.ms for one in told({"jobs": {"collection": [job, job, {}]}}, crossed)] == [5.0, None]
    assert told({}, crossed) == crossed


@pytest.mark.parametrize("size", sorted(default_catalogue().sizes))
def test_every_step_of_the_journey_crosses_something(size: str) -> None:
    plan = make_plan(default_catalogue(), LabSpec(size=size), "all")
    for one in default_catalogue().journey:
        for site in plan.sites:
            if site.scope is one.scope:
                assert crossings(plan, one, site.name), (one.id, site.name)
