"""A fault in the rendered texts is found, with its row, who it is about, and where it stands.

`planted.txt` is all that is said of each fault. LABGEN_UPDATE_GOLDEN=1 writes it anew; read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from labgen.plan.spec import LabSpec
from labgen.verify.proof.findings import Kind
from tests.unit.proof.labs import COMPOSE, Files, in_service, new_rule, on_rule, proof_of, rendered, rules
from tests.unit.proof.plants import PLANTED, SPEC, address, mount, planted, small

GOLDEN = Path(__file__).with_name("planted.txt")


def said(files: Files) -> list[str]:
    """Return the differences, without the numbers of lines and without the blocks of addresses."""
    texts = (str(one) for one in proof_of(files, SPEC).findings)
    return [
        re.sub(r"(\.nft|\.yaml):\d+", r"\1", re.sub(r"(out to|in from) [\d.].*(?=, beyond)", r"\1 ...", text))
        for text in texts
    ]


def found() -> dict[str, list[str]]:
    """Return what `planted.txt` has: a line with the fault's name, and a line for each difference."""
    blocks = GOLDEN.read_text("utf-8").strip().split("\n\n")
    return {block.splitlines()[0]: [line.strip() for line in block.splitlines()[1:]] for block in blocks}


def test_every_planted_fault_has_its_words() -> None:
    if os.environ.get("LABGEN_UPDATE_GOLDEN"):
        blocks = ("\n    ".join([name, *said(planted(*plants))]) for name, plants in PLANTED.items())
        GOLDEN.write_text("\n\n".join(blocks) + "\n", "utf-8")
    assert found().keys() == PLANTED.keys()
    assert said(small()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    expected = found()[name]
    assert expected
    assert said(planted(*PLANTED[name])) == expected


@pytest.mark.parametrize("name", PLANTED)
def test_the_place_that_is_named_is_the_fault(name: str) -> None:
    """A rule that is blamed stands on that line, with the row that is said, or without any."""
    files = planted(*PLANTED[name])
    for one in proof_of(files, SPEC).findings:
        path, _, line = one.where.partition(":")
        if path.endswith(".nft") and line and one.kind in {Kind.EXTRA, Kind.ESCAPE, Kind.ONE_END}:
            text = files[path].splitlines()[int(line) - 1]
            assert "accept" in text
            assert (f'{one.row}"' in text) if one.row else ("comment" not in text)
        elif path == COMPOSE:
            assert files[path].splitlines()[int(line) - 1].strip()


def test_of_many_pairs_one_is_named_and_all_are_counted() -> None:
    spec = LabSpec(counts={"rs": 3, "hypervisor": 20})
    files = rendered(spec)
    on_rule("dc1-rs-2", "39", ".*", "")(files)
    (found,) = proof_of(files, spec).findings
    assert (found.pairs, found.source, found.row, found.kind) == (20, "dc1-rs-2", "39", Kind.MISSING)
    assert str(found) == (
        "missing: dc1-rs-2 -> dc1-hypervisor-1 (and 19 pairs more), row 39, 8889/tcp, does not pass: "
        "nodes/dc1-rs-2/firewall.nft does not let it out"
    )


def test_rules_of_one_node_reach_only_those_that_they_name() -> None:
    """Nodes of one role share a network; a rule of one for another of its role is found."""
    spec = LabSpec(counts={"api": 3})
    files = rendered(spec)
    here = re.findall(r"api-2:\n(?:.*\n)*?      api-mysql:\n        ipv4_address: (\S+)", files[COMPOSE])[0]
    new_rule("api-1", "output", f'ip daddr {here} tcp dport 3306 accept comment "9"')(files)
    (found,) = proof_of(files, spec).findings
    assert (found.kind, found.source, found.destination, found.ports) == (
        Kind.ONE_END,
        "api-1",
        "api-2",
        "3306/tcp",
    )


def test_rules_in_a_lab_without_a_firewall_are_found() -> None:
    """Links alone join the two ends on every port; with rules they would not."""
    spec = LabSpec(firewall=False)
    files = rendered(spec)
    files[rules("redis-1")] = small()[rules("redis-1")]
    (found,) = (one for one in proof_of(files, spec).findings if one.kind is Kind.RULES)
    assert (found.source, found.text) == ("redis-1", "has rules, though this lab is of links alone")
    assert files[COMPOSE].splitlines()[int(found.where.partition(":")[2]) - 1] == "  redis-1:"


@pytest.mark.parametrize("firewall", [True, False])
def test_a_network_between_two_that_no_row_joins_is_found(firewall: bool) -> None:
    spec = LabSpec(firewall=firewall)
    files = rendered(spec)
    in_service("ui-1", "    networks:\n", "    networks:\n      api-mysql: {ipv4_address: 10.210.0.102}\n")(
        files
    )
    found = [one for one in proof_of(files, spec).findings if one.kind is Kind.NETWORK]
    assert [(one.source, one.destination) for one in found] == [("ui-1", "mysql-1")]


def test_a_link_gone_is_found_without_a_firewall_too() -> None:
    spec = LabSpec(firewall=False)
    files = rendered(spec)
    in_service("ui-1", f"      ui-api:\n        ipv4_address: {address('ui-1', 'ui-api')}\n", "")(files)
    assert "missing: ui-1 -> api-1, row 3, 8010/tcp, does not pass: the two share no network" in [
        str(one) for one in proof_of(files, spec).findings
    ]


def test_a_foreign_image_that_could_take_its_rules_away_is_found() -> None:
    spec = LabSpec(images={"api": "vendor/api:6.1"})
    files = rendered(spec)
    assert proof_of(files, spec).equal
    in_service("api-1", "    cap_add:\n", "    cap_add:\n    - NET_ADMIN\n")(files)
    (found,) = proof_of(files, spec).findings
    assert found.text == "shares the network of 'api-1-network' and could change its rules (NET_ADMIN)"


def test_rules_of_a_foreign_image_are_its_holders() -> None:
    spec = LabSpec(images={"redis": "vendor/redis:7"})
    files = rendered(spec)
    in_service("redis-1-network", f"    volumes:\n{mount('redis-1')}", "")(files)
    assert Kind.RULES in {one.kind for one in proof_of(files, spec).findings}
