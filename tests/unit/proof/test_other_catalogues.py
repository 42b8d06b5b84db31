"""Other documents than ours: roles that meet their own kind, several that publish, ranges, UDP both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labgen.catalogue.model import Catalogue
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import render_lab
from labgen.verify.proof.documented import document
from labgen.verify.proof.findings import Kind, Proof
from labgen.verify.proof.prove import prove
from tests.unit.proof.labs import COMPOSE, Files, in_network, new_rule, rules

IMAGES = {name: f"labgen/{name}:1" for name in ("base", "web", "mail", "store")}


def role(name: str, scope: str = "platform", **more: Any) -> dict[str, Any]:
    return {"id": name, "title": name, "server": name, "scope": scope, "node": name, "template": name, **more}


def row(id_: str, source: str, destination: str, port: int, **more: Any) -> dict[str, Any]:
    facts = {"protocol": "x", "purpose": "", "provenance": "documented", "reference": "W1"}
    return {"id": id_, "from": source, "to": destination, "port": port, **facts, **more}


CATALOGUE = Catalogue.model_validate(
    {
        "roles": {
            "user": role("user", actor=True, template=None),
            "guest": role("guest", actor=True, template="web"),
            "web": role("web", publish={"http": {"port": 80, "host": 8080}}),
            "mail": role("mail", publish={"smtp": {"port": 25, "host": 2525}}),
            "store": role("store", "datacenter"),
        },
        "connections": [
            row("1", "guest", "web", 80),
            row("2", "guest", "mail", 25),
            row("3", "guest", "mail", 25, note="a second row of the same port"),
            row("4", "web", "mail", 25),
            row("5", "mail", "web", 80),
            row("6", "store", "store", 7000, last_port=7001),
            row("7", "web", "store", 53, transport="udp"),
            row("8", "store", "web", 67, transport="udp", last_port=68),
            row("9", "user", "web", 443),
        ],
        "variants": {},
        "sizes": {
            "small": {
                "title": "",
                "datacenters": 2,
                "regions": 0,
                "counts": {"guest": 1, "web": 2, "mail": 2, "store": 3},
            }
        },
    }
)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    for name in ("web", "mail", "store"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "service.yaml").write_text(f"image: {name}\nhealth: [labgen-health]\n")
    return tmp_path


def files_of(templates: Path, spec: LabSpec) -> Files:
    return dict(render_lab(make_plan(CATALOGUE, spec, "lab"), templates, IMAGES).files)


def proof_of(files: Files, spec: LabSpec) -> Proof:
    return prove(files, document(CATALOGUE, spec))


def test_it_is_proved(templates: Path) -> None:
    proof = proof_of(files_of(templates, LabSpec()), LabSpec())
    # Row 3 has row 2's port: the first of two rules decides, and both rows pass by it.
    assert proof.findings == ()
    assert proof.rows == 8
    # 1: 1x2, 2 and 3: 1x2 each, 4 and 5: 2x2 each, 6: 2 sites of 3x2, 7 and 8: 2 sites of 2x3 each.
    assert proof.connections == 2 + 2 + 2 + 4 + 4 + 12 + 12 + 12
    # Ordered pairs: guest to both, web and mail each way, stores among themselves, web and stores each way.
    assert proof.reachable == 2 + 2 + 4 + 4 + 12 + 12 + 12


@pytest.mark.parametrize(
    "counts", [{"store": 1}, {"web": 1, "guest": 0}, {"mail": 0}, {"web": 0, "store": 0}]
)
def test_with_other_counts_too(templates: Path, counts: dict[str, int]) -> None:
    for firewall in (True, False):
        spec = LabSpec(counts=counts, firewall=firewall)
        assert proof_of(files_of(templates, spec), spec).findings == ()


def test_the_network_that_leads_out_joins_nobody(templates: Path) -> None:
    """Two roles publish and sit on one network: what passes between them is found there too."""
    files = files_of(templates, LabSpec())
    public = files[COMPOSE].split("\n  public:\n")[1].split("subnet: ")[1].split("\n")[0]
    new_rule("mail-1", "output", f'ip daddr {public} tcp dport 80 accept comment "5"')(files)
    found = {
        (one.kind, one.source, one.destination, one.ports) for one in proof_of(files, LabSpec()).findings
    }
    assert (Kind.ESCAPE, "mail-1", "host", "80/tcp") in found
    in_network("public", "'false'", "'true'")(files)
    found = {
        (one.kind, one.source, one.destination, one.ports) for one in proof_of(files, LabSpec()).findings
    }
    assert (Kind.NETWORK, "", "", "") in found


def test_nodes_of_one_role_that_a_row_joins(templates: Path) -> None:
    files = files_of(templates, LabSpec())
    lines = files[rules("dc1-store-2")].splitlines(keepends=True)
    files[rules("dc1-store-2")] = "".join(
        one for one in lines if 'comment "6"' not in one or "saddr" not in one
    )
    (found,) = proof_of(files, LabSpec()).findings
    assert (found.kind, found.row, found.pairs, found.ports) == (Kind.MISSING, "6", 2, "7000-7001/tcp")


def test_a_site_that_differs(templates: Path) -> None:
    spec = LabSpec.model_validate(
        {"sites": {"dc2": {"counts": {"store": 0}}, "platform": {"counts": {"web": 5}}}}
    )
    assert proof_of(files_of(templates, spec), spec).findings == ()
    assert {name for name in document(CATALOGUE, spec).place_of if name.startswith(("dc", "web"))} == {
        *("dc1-store-1", "dc1-store-2", "dc1-store-3"),
        *("web-1", "web-2", "web-3", "web-4", "web-5"),
    }
