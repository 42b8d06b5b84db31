"""Every documented connection is spoken in its protocol, and nothing else is possible.

All of it is measured once, from inside every node's own network; each row is a test of its own.
"""

from __future__ import annotations

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.engine.client import Engine
from labgen.engine.state import LabState
from labgen.plan.build import make_plan
from labgen.plan.model import LabPlan
from labgen.plan.parse import parse_spec
from labgen.verify.expect import HOST, Expected, expected_dialogues, published_dialogues
from labgen.verify.lab import verify_lab
from labgen.verify.table import Dialogue, Outcome, State, TruthTable

from .conftest import Cli


def promised_rows() -> list[Expected]:
    """Return every dialogue of the small lab, in the order of its nodes."""
    catalogue = default_catalogue()
    return expected_dialogues(make_plan(catalogue, parse_spec(catalogue, size="small"), "small"))


@pytest.fixture(scope="module")
def table(engine: Engine, small: LabPlan, cli: Cli) -> TruthTable:
    return verify_lab(engine, LabState(small.name, cli.state / "labs" / small.name), small)


@pytest.fixture(scope="module")
def dialogues(table: TruthTable) -> dict[str, Dialogue]:
    return {
        f"{one.connection}: {cell.source} -> {cell.destination}": one
        for cell in table.cells
        for one in cell.dialogues
    }


@pytest.mark.parametrize("promised", promised_rows(), ids=lambda one: one.id)
def test_documented_connection_is_spoken(promised: Expected, dialogues: dict[str, Dialogue]) -> None:
    found = dialogues[promised.id]
    assert found.outcome is Outcome.SPOKEN, found.evidence


def test_every_role_pair_of_the_catalogue_is_among_them(small: LabPlan) -> None:
    spoken = {(one.connection.source, one.connection.destination) for one in expected_dialogues(small)}
    assert spoken == {(row.source, row.destination) for row in small.connections}
    assert len(small.connections) == 49


def test_nothing_else_is_possible(table: TruthTable, small: LabPlan) -> None:
    assert not table.differences, "\n".join(map(str, table.differences))
    names = [*small.node_by_name, HOST]
    assert [(one.source, one.destination) for one in table.cells] == [
        (one, other) for one in names for other in names if one != other
    ]
    assert {one.state for one in table.cells} == {State.SPOKEN, State.CLOSED}
    assert table.asked > 35_000


def test_this_machine_reaches_what_is_published(small: LabPlan, dialogues: dict[str, Dialogue]) -> None:
    promised = published_dialogues(small)
    assert [one.connection.id for one in promised] == ["1", "2", "35"]
    assert {dialogues[one.id].outcome for one in promised} == {Outcome.SPOKEN}


def test_every_node_was_asked_for_every_way_out(table: TruthTable) -> None:
    for node in table.nodes:
        checks = dict(node.checks)
        if node.name != HOST:
            assert checks["ways out"].endswith("closed: gateways, the internet, other labs"), node
            assert int(checks["ways out"].split()[0]) > 20
            assert checks["rules"] == "as rendered (entry point)"
            assert checks["IPv6"] == "none"
