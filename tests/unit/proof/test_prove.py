"""What labgen renders is proved: every size, thousands of random labs; what is counted is what is there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings

from labgen.plan.spec import LabSpec
from labgen.render.lab import Rendering
from labgen.render.write import write_rendering
from labgen.verify.proof.compose import read_compose
from labgen.verify.proof.documented import document
from labgen.verify.proof.findings import Kind
from labgen.verify.proof.prove import files_of, prove, rules_of_nodes
from labgen.verify.proof.reach import reachable
from tests.unit.plan.specs import CATALOGUE, documented, lab_specs, plan_of, wide_specs
from tests.unit.proof.labs import COMPOSE, Files, proof_of, random_spec, rendered, rules, usable

#: How many random labs are proved; LABGEN_PROOF_LABS asks for more.
LABS = int(os.environ.get("LABGEN_PROOF_LABS", "2000"))
_PARTS = 20


@pytest.mark.parametrize("size", sorted(CATALOGUE.sizes))
@pytest.mark.parametrize("firewall", [True, False])
def test_every_size_is_proved(size: str, firewall: bool) -> None:
    spec = LabSpec(size=size, firewall=firewall)
    proof = proof_of(rendered(spec), spec)
    assert proof.findings == ()
    slow = documented(plan_of(spec), spec)
    assert (proof.connections, proof.rows) == (len(slow), len({row for _, _, row in slow}))


def test_what_is_said_of_the_small_lab() -> None:
    spec = LabSpec()
    proof = proof_of(rendered(spec), spec)
    assert proof.statement == (
        "proved: 21 nodes, 420 ordered pairs, 65,535 ports each: exactly the 49 documented rows "
        "(49 connections) pass, nothing else"
    )
    assert (proof.reachable, proof.networks) == (40, 38)
    links = LabSpec(firewall=False)
    assert proof_of(rendered(links), links).statement == (
        "proved: 21 nodes, 420 ordered pairs, no firewall: exactly the ends of the 49 documented rows "
        "(49 connections) share a network"
    )


@pytest.mark.parametrize("part", range(_PARTS))
def test_random_labs_are_proved_and_one_line_less_is_found(part: int) -> None:
    """As it was rendered, and every fourth again with one line of its rules changed by chance."""
    for seed in range(part, LABS, _PARTS):
        rng = Random(seed)  # noqa: S311 - which lab it is is no secret
        spec = random_spec(rng)
        files = rendered(spec)
        proof = proof_of(files, spec)
        assert proof.findings == (), (seed, spec)
        changed = one_line_changed(files, rng) if seed % 4 == 0 else None
        if changed is not None:
            row, kinds = changed
            found = {(one.row, one.kind) for one in proof_of(files, spec).findings}
            assert any((row, kind) in found for kind in kinds), (seed, row, kinds, found)


def one_line_changed(files: Files, rng: Random) -> tuple[str, set[Kind]] | None:
    """Change a rule of some node; return its row, and what this may be found as."""
    lines = [
        (path, line)
        for path, text in files.items()
        if path.endswith(".nft")
        for line in text.splitlines()
        if "comment" in line and "dport" in line
    ]
    if not lines:
        return None
    path, line = rng.choice(lines)
    row = line.split('"')[1].removeprefix("published ")
    change, kinds = rng.choice(
        [
            ("", {Kind.MISSING}),
            (re.sub(r"dport (\d+)(-\d+)?", r"dport \1-65001", line), {Kind.ONE_END, Kind.ESCAPE}),
            (
                re.sub(r"dport (\d+)", "dport 1", line) if "-" not in line.split("dport")[1] else "",
                {Kind.MISSING},
            ),
            (
                line.replace("tcp" if "tcp" in line else "udp", "udp" if "tcp" in line else "tcp"),
                {Kind.MISSING},
            ),
            (re.sub(r"ip ([sd])addr \S+", r"ip \1addr 198.51.100.0/24", line), {Kind.MISSING}),
            (line.replace(f'"{line.split(chr(34))[1]}"', '"0"'), {Kind.COMMENT}),
            (line.replace("accept", "reject"), {Kind.MISSING}),
        ]
    )
    files[path] = files[path].replace(f"{line}\n", f"{change}\n" if change else "")
    return row, kinds


@settings(max_examples=15)
@given(lab_specs())
def test_labs_of_any_shape_are_proved(spec: LabSpec) -> None:
    spec = usable(spec)
    assert proof_of(rendered(spec), spec).findings == ()


WIDEST = LabSpec(size="large", datacenters=12, regions=12, counts={"api": 9})


@settings(max_examples=5)
@given(wide_specs())
@example(WIDEST)
def test_wide_labs_of_any_size_are_proved(spec: LabSpec) -> None:
    spec = usable(spec)
    assert proof_of(rendered(spec), spec).findings == ()


@given(lab_specs(most=3))
def test_what_is_documented_is_what_every_pair_and_row_says(spec: LabSpec) -> None:
    """The quick way against the slow one, which goes through every pair of nodes and every row."""
    plan = plan_of(spec)
    facts = document(CATALOGUE, spec)
    assert set(facts.place_of) == set(plan.node_by_name)
    found = {
        (source, destination, row.id)
        for here, there, rows in facts.pairs()
        for source in facts.nodes[here]
        for destination in facts.nodes[there]
        for row in rows
        if source != destination
    }
    assert found == documented(plan, spec)
    assert found == {
        (source, destination, row.id)
        for source, here in facts.place_of.items()
        for destination, there in facts.place_of.items()
        for row in facts.between(here, there)
        if source != destination
    }


@settings(max_examples=15)
@given(lab_specs(most=3))
def test_what_is_reachable_pair_by_pair_is_what_is_documented(spec: LabSpec) -> None:
    spec = usable(spec)
    files = rendered(spec)
    compose = read_compose(files[COMPOSE])
    found = set(reachable(compose, rules_of_nodes(files, compose)))
    rows = {row.id: row for row in CATALOGUE.connections}
    assert found == {
        (
            source,
            destination,
            rows[one].transport,
            rows[one].port,
            rows[one].last_port or rows[one].port,
            one,
            one,
        )
        for source, destination, one in documented(plan_of(spec), spec)
    }


def test_a_published_port_that_no_row_has_is_found() -> None:
    """A choice that the documents know and no server of ours has: the front end would publish for nobody."""
    spec = LabSpec(variants={"novnc-port": "direct"})
    assert {(one.kind, one.row, one.ports) for one in proof_of(rendered(spec), spec).findings} == {
        (Kind.PUBLISHED, "", "41337/tcp"),
        (Kind.ESCAPE, "", "41337/tcp"),
    }


def test_a_rendered_folder_is_proved_from_disk(small: Rendering, tmp_path: Path) -> None:
    write_rendering(tmp_path / "lab", small)
    files = files_of(tmp_path / "lab")
    assert rules("api-1") in files
    assert prove(files, document(CATALOGUE, LabSpec())).equal
