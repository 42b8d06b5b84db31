"""VRRP between peers: a transport without ports, proved like the others."""

from __future__ import annotations

import pytest

from labgen.plan.spec import LabSpec
from tests.unit.proof.labs import Files, Plant, new_rule, on_rule, proof_of, rendered, replaced, rules

SPEC = LabSpec(counts={"frontend": 2})
ROW = "50-vrrp-frontend"


def said(*plants: Plant) -> list[str]:
    files: Files = rendered(SPEC)
    for plant in plants:
        plant(files)
    return [str(one).partition(" (nodes")[0] for one in proof_of(files, SPEC).findings]


def without(node: str, side: str) -> Plant:
    """Take away the rule of `node` for VRRP that goes by `side`."""

    def plant(files: Files) -> None:
        lines = files[rules(node)].splitlines(keepends=True)
        left = [line for line in lines if not (f"ip {side} " in line and f'comment "{ROW}"' in line)]
        assert len(left) == len(lines) - 1
        files[rules(node)] = "".join(left)

    return plant


def test_peers_reach_each_other_by_vrrp() -> None:
    files, alone = rendered(SPEC), LabSpec()
    proof = proof_of(files, SPEC)
    assert not proof.findings
    assert proof.rows == proof_of(rendered(alone), alone).rows + 1


def test_a_rule_by_the_protocols_name_is_the_same() -> None:
    assert said(replaced(rules("frontend-1"), "ip protocol 112", "ip protocol vrrp")) == []


@pytest.mark.parametrize(
    ("node", "side", "way"), [("frontend-1", "daddr", "out"), ("frontend-2", "saddr", "in")]
)
def test_a_rule_that_is_missing(node: str, side: str, way: str) -> None:
    why = f"does not pass: nodes/{node}/firewall.nft does not let it {way}"
    missing = f"missing: frontend-1 -> frontend-2, row {ROW}, 112/vrrp, {why}"
    assert missing in said(without(node, side))


def test_a_port_of_that_number_is_another_thing() -> None:
    found = said(on_rule("frontend-1", ROW, "ip protocol 112", "tcp dport 112"))
    assert any(one.startswith(f"missing: frontend-1 -> frontend-2, row {ROW}, 112/vrrp") for one in found)
    assert any(f"row {ROW}, 112/tcp, the rule" in one for one in found)


def test_a_rule_too_many() -> None:
    found = said(new_rule("mysql-1", "input", 'ip protocol 112 accept comment "9"'))
    assert any("row 9, 112/vrrp, " in one and "mysql-1" in one for one in found)
