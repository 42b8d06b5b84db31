"""What realises a row, what proves it, and what is said where nothing does: true for any lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from labgen_stub.wire import known_protocols

from labgen.catalogue.load import load_catalogue
from labgen.plan.build import make_plan
from labgen.plan.parse import parse_spec
from labgen.plan.spec import LabSpec
from labgen.verify.coverage import Coverage, Lack, Summary, coverage_of, summary_of
from tests.unit.catalogue.small import ROLES, row, write_catalogue
from tests.unit.plan.specs import CATALOGUE, documented, lab_specs, plan_of

#: Kinds of reasons that a user can remove.
SETTABLE = {Lack.VARIANT, Lack.ABSENT}


def covered(**spec: Any) -> dict[str, Coverage]:
    """Return the coverage of a lab of the shipped catalogue, by row."""
    asked = LabSpec.model_validate(spec)
    return {one.row.id: one for one in coverage_of(CATALOGUE, asked, plan_of(asked))}


def why(one: Coverage) -> list[tuple[Lack, str, tuple[str, ...]]]:
    return [(reason.kind, reason.text, reason.sets) for reason in one.reasons]


def servable(spec: LabSpec) -> LabSpec:
    """Return `spec` without choices that cannot be chosen."""
    chosen = {
        topic: choice
        for topic, choice in spec.variants.items()
        if choice not in CATALOGUE.variants[topic].data_only
    }
    return spec.model_copy(update={"variants": chosen})


@given(lab_specs(most=3))
def test_rows_are_realised_by_the_links_that_join_their_ends(spec: LabSpec) -> None:
    plan = plan_of(spec)
    due: dict[str, set[str]] = {}
    role = {node.name: node.role for node in plan.nodes}
    for source, destination, name in documented(plan, spec):
        due.setdefault(name, set()).update(
            link.name
            for link in plan.links
            if {source, destination} <= set(link.members)
            and {role[source], role[destination]} == set(link.roles)
        )
    found = coverage_of(CATALOGUE, spec, plan)
    assert [one.row for one in found] == list(CATALOGUE.connections)
    for one in found:
        assert set(one.links) == due.get(one.row.id, set()), one.row.id
        assert len(one.links) == len(set(one.links))
        # Either something realises and proves it, or something is said about why not.
        assert bool(one.reasons) == (not one.realised or not one.proven), one.row.id
    assert summary_of(found).links == len(plan.links)


@settings(max_examples=100)
@given(lab_specs(most=3).map(servable), st.data())
def test_what_a_reason_tells_to_set_realises_the_row(
    tmp_path_factory: pytest.TempPathFactory, spec: LabSpec, data: st.DataObject
) -> None:
    lacking = [
        one
        for one in coverage_of(CATALOGUE, spec, plan_of(spec))
        if not one.realised and {reason.kind for reason in one.reasons} <= SETTABLE
    ]
    if not lacking:
        return
    one = data.draw(st.sampled_from(lacking))
    file = tmp_path_factory.getbasetemp() / "told.yaml"
    file.write_text(yaml.safe_dump(spec.model_dump(mode="json", exclude_defaults=True)))
    sets = [value for reason in one.reasons for value in reason.sets]
    told = parse_spec(CATALOGUE, file, sets)
    again = {each.row.id: each for each in coverage_of(CATALOGUE, told, make_plan(CATALOGUE, told, "lab"))}
    assert again[one.row.id].realised, (one.row.id, sets)


def test_reasons_of_the_small_lab() -> None:
    found = covered()
    assert why(found["22"]) == []
    assert why(found["15-http"]) == [
        (Lack.VARIANT, "api-location is https here", ("variants.api-location=http",))
    ]
    assert why(found["41"]) == [(Lack.NO_SERVER, "labgen has no server for vcenter", ())]
    assert [text for _, text, _ in why(found["47"])] == [
        "labgen has no server for emmett",
        "labgen has no server for kairosdb",
    ]
    assert why(found["49"]) == [(Lack.NO_SERVER, "labgen has no server for cassandra", ())]
    # That its variant is not chosen either is nothing that anybody could do about it.
    assert why(found["30-dnsmasq"]) == [(Lack.DATA_ONLY, "no shipped server does dhcp-server: dnsmasq", ())]
    kinds = {kind for one in found.values() for kind, _, _ in why(one)}
    # One of each has no peer.
    assert kinds == {Lack.NO_SERVER, Lack.DATA_ONLY, Lack.VARIANT, Lack.ABSENT}


@pytest.mark.parametrize(
    ("spec", "name", "reasons"),
    [
        ({"counts": {"mysql": 0}}, "9", [("no mysql here", ("mysql=1",))]),
        ({"datacenters": 0}, "22", [("the lab has no datacenter", ("datacenters=1",))]),
        (
            {"regions": 0, "counts": {"cloud": 0}},
            "42",
            [("the lab has no public cloud region", ("regions=1",)), ("no cloud here", ("cloud=1",))],
        ),
        (
            {"counts": {"rs": 0, "rs-redis": 0}},
            "22",
            [("no rs at dc1", ("rs=1",)), ("no rs-redis at dc1", ("rs-redis=1",))],
        ),
        ({"sites": {"dc1": {"counts": {"rs": 0}}}}, "25", [("no rs at dc1", ("sites.dc1.counts.rs=1",))]),
        (
            {
                "datacenters": 2,
                "sites": {"dc1": {"counts": {"rs": 0, "nfs": 0}}, "dc2": {"counts": {"nfs": 0}}},
            },
            "25",
            [("no nfs at dc2", ("sites.dc2.counts.nfs=1",))],
        ),
        (
            {"counts": {"ui": 0}},
            "4",
            [("api-proxy is ajp here", ("variants.api-proxy=http",)), ("no ui here", ("ui=1",))],
        ),
    ],
)
def test_what_a_lab_lacks(
    spec: dict[str, Any], name: str, reasons: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert [(text, sets) for _, text, sets in why(covered(**spec)[name])] == reasons


def test_published_ports_stand_for_the_link_of_their_row() -> None:
    found = covered()
    assert {name: one.published for name, one in found.items() if one.published} == {
        "1": ("http",),
        "2": ("https",),
        "35": ("console",),
    }
    without = covered(counts={"client": 0})
    assert not [one for one in without.values() if one.published]
    assert why(without["1"]) == [(Lack.ABSENT, "no client here", ("client=1",))]


def test_tests_that_speak_a_row_and_others(tmp_path: Path) -> None:
    tests = [
        "a.py::speaks[1: web-1 -> dc1-database-1]",
        "a.py::speaks[1-b: web-1 -> dc1-database-1]",
        "a.py::all",
    ]
    rows = [row(), row(id="1-b", port=3307)]
    catalogue = load_catalogue(write_catalogue(tmp_path, connections=rows, proofs={"1": tests}))
    first, second = coverage_of(catalogue, LabSpec(), make_plan(catalogue, LabSpec(), "lab"))
    assert (first.spoken, first.closed, first.reasons) == ((tests[0],), (tests[1], tests[2]), ())
    assert (first.realised, first.proven) == (True, True)
    assert (second.realised, second.proven) == (True, False)
    assert why(second) == [(Lack.UNTESTED, "no test speaks it", ())]


def test_rows_that_no_site_can_hold_and_peers(tmp_path: Path) -> None:
    cloud = {"title": "cloud", "server": "cloud", "scope": "region"}
    rows = [row(source="cloud"), row(id="2", to="web"), row(id="3", to="printer")]
    folder = write_catalogue(tmp_path, roles=ROLES | {"cloud": cloud}, connections=rows)
    catalogue = load_catalogue(folder)
    apart, peers, printer = coverage_of(catalogue, LabSpec(), make_plan(catalogue, LabSpec(), "lab"))
    assert why(apart)[0] == (Lack.ABSENT, "no site has both cloud and database", ())
    assert why(peers)[0] == (Lack.ABSENT, "1 web here", ("web=2",))
    # No test can speak what cannot be: that is not said on top.
    assert why(printer) == [(Lack.NO_SERVER, "labgen has no server for printer", ())]
    two = LabSpec(counts={"web": 2})
    assert coverage_of(catalogue, two, make_plan(catalogue, two, "lab"))[1].links == ("web-web",)


def test_the_numbers() -> None:
    found = covered()
    rows = CATALOGUE.connections
    proven = sum(1 for one in rows if CATALOGUE.realisable(one) and not CATALOGUE.data_only(one))
    plan = plan_of(LabSpec())
    assert summary_of(found.values()) == Summary(
        rows=len(rows),
        realised=len(plan.connections),
        unrealised=len(rows) - len(plan.connections),
        links=len(plan.links),
        proven=proven,
        unproven=len(rows) - proven,
    )


def test_the_probe_speaks_the_protocol_of_every_row_that_can_be_realised() -> None:
    spoken = known_protocols()
    missing = {one.id: one.protocol for one in CATALOGUE.connections if one.protocol not in spoken}
    servable = {
        one.id for one in CATALOGUE.connections if CATALOGUE.realisable(one) and not CATALOGUE.data_only(one)
    }
    assert not missing.keys() & servable
    # What is not spoken is what nobody in a lab could answer.
    assert set(missing.values()) == {"cassandra", "dnsmasq", "ldap", "ldaps", "thrift"}
