"""The shipped facts: complete against the documents (platform.md), each with where it comes from."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labgen.catalogue.load import load_catalogue
from labgen.catalogue.model import Provenance, Scope

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue

ROOT = Path(__file__).resolve().parents[3]
#: Rows of platform.md section 1; 50 (peers of clustered servers) and 55 (an administrator's host) are
#: left out, and connections.yaml says why.
DOCUMENTED = {*range(1, 55)}
REFERENCE = re.compile(r"(?:W(?:[1-9]|1[0-8])|R(?:[1-9]|1[0-4]))")


def test_ships_valid() -> None:
    """Loads anew, without the cache, so that a broken file on disk cannot hide."""
    assert load_catalogue(ROOT / "labgen" / "catalogue").sizes.keys() >= {"small"}


def test_every_documented_row_is_there(catalogue: Catalogue) -> None:
    rows = {int(found[0]) for one in catalogue.connections if (found := re.match(r"\d+", one.id))}
    assert rows == DOCUMENTED


def test_ids_begin_with_their_row(catalogue: Catalogue) -> None:
    assert not [one.id for one in catalogue.connections if not re.fullmatch(r"\d+(-[a-z0-9-]+)?", one.id)]


def test_left_out_rows_are_explained() -> None:
    header = (ROOT / "labgen/catalogue/connections.yaml").read_text().split("\n\n", 1)[0]
    assert "55" in header


def test_references_are_sources_of_the_documents(catalogue: Catalogue) -> None:
    for one in catalogue.connections:
        assert all(REFERENCE.fullmatch(part) for part in re.split(r"[,;] ", one.reference)), one.id


def test_provenance_has_the_reference_that_it_needs(catalogue: Catalogue) -> None:
    """A page of the vendor (W) for `documented`, code of the vendor (R) for `vendor-code`."""
    letters = {Provenance.DOCUMENTED: "W", Provenance.VENDOR_CODE: "R"}
    for one in catalogue.connections:
        assert letters.get(one.provenance, "") in one.reference, one.id


def test_what_is_inferred_is_said(catalogue: Catalogue) -> None:
    assert not [
        one.id for one in catalogue.connections if one.provenance is Provenance.INFERRED and not one.note
    ]


def test_purposes_and_titles_are_there(catalogue: Catalogue) -> None:
    assert all(one.purpose.strip() for one in catalogue.connections)
    assert all(one.title.strip() for one in catalogue.roles.values())


def test_ranges_go_up(catalogue: Catalogue) -> None:
    assert all(one.last_port > one.port for one in catalogue.connections if one.last_port)


def test_one_default_way_per_row(catalogue: Catalogue) -> None:
    """By default no two rows say the same source, destination, transport and port."""
    seen = [(one.source, one.destination, one.transport, one.port) for one in catalogue.chosen({})]
    assert len(seen) == len(set(seen))


def test_every_choice_of_a_variant_changes_something(catalogue: Catalogue) -> None:
    for topic, variant in catalogue.variants.items():
        results = {tuple(one.id for one in catalogue.chosen({topic: choice})) for choice in variant.choices}
        assert len(results) == len(variant.choices), topic


def test_newest_documented_way_is_the_default(catalogue: Catalogue) -> None:
    """platform.md section 5, in its order: redis, /m, noVNC, AIM, ZooKeeper."""
    chosen = {one.id for one in catalogue.chosen({})}
    assert chosen >= {"22", "23", "5", "35", "36", "39", "14"}
    assert not chosen & {"22-datanode", "23-datanode", "5-ajp", "35-direct", "39-compiled", "14-puppet"}


def test_node_names_differ_within_a_kind_of_site(catalogue: Catalogue) -> None:
    for scope in Scope:
        names = [role.node for role in catalogue.roles.values() if role.scope is scope]
        assert len(names) == len(set(names)), scope


def test_published_names_and_ports_differ(catalogue: Catalogue) -> None:
    published = [(name, one) for role in catalogue.roles.values() for name, one in role.publish.items()]
    assert sorted((name, one.port) for name, one in published) == [
        ("console", 41337),
        ("http", 80),
        ("https", 443),
    ]
    assert len({one.host for _, one in published}) == len(published)


def test_small_has_one_of_each(catalogue: Catalogue) -> None:
    size = catalogue.sizes["small"]
    assert (size.datacenters, size.regions) == (1, 1)
    # Only clusters need what stands in front of them, and what watches them.
    clustered = {"datanode", "sentinel"}
    assert size.counts == {
        role.id: 1
        for role in catalogue.roles.values()
        if role.template is not None and role.id not in clustered
    }


def test_memory_of_small_is_within_its_bar(catalogue: Catalogue) -> None:
    """Resident memory of the small lab: at most 1.8 GiB, as the catalogue reserves it."""
    typical = sum(
        catalogue.roles[role].memory.typical * count
        for role, count in catalogue.sizes["small"].counts.items()
    )
    assert typical <= 1.8 * 2**30
    assert all(role.memory.typical <= role.memory.limit for role in catalogue.roles.values())


def test_protocols_are_those_of_the_contract(catalogue: Catalogue) -> None:
    """What a server may find in node.json is what docs/contract.md names, no more and no less."""
    text = (ROOT / "docs/contract.md").read_text()
    listed = re.search(r"Protocols: `([^`]*)`", text)
    assert listed
    realised = {one.protocol for one in catalogue.connections if catalogue.realisable(one)}
    assert realised == set(listed[1].split())


# platform.md, "Connections that must NOT exist".
FORBIDDEN = [
    *product(["rs", "bpm", "prs"], ["mysql"]),
    ("rs", "zookeeper"),
    ("bpm", "hypervisor"),
    *product(["ui"], ["mysql", "redis", "rabbitmq", "zookeeper"]),
    ("prs", "nfs"),
]


@pytest.mark.parametrize(("source", "destination"), FORBIDDEN)
def test_no_variant_brings_what_no_document_has(catalogue: Catalogue, source: str, destination: str) -> None:
    assert not [
        one.id for one in catalogue.connections if {one.source, one.destination} == {source, destination}
    ]


def test_users_reach_only_the_public_addresses(catalogue: Catalogue) -> None:
    assert {one.destination for one in catalogue.chosen({}) if one.source == "client"} == {"frontend"}
    every = {(one.destination, one.port) for one in catalogue.connections if one.source == "client"}
    assert every == {("frontend", 80), ("frontend", 443), ("frontend", 41337), ("novnc", 41337)}
    assert not [one.id for one in catalogue.connections if one.destination == "client"]
