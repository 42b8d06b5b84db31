"""The document for programs: everything, under stable keys."""

from __future__ import annotations

import json
from typing import Any

from labgen.verify.report.document import document_of
from labgen.verify.table import TruthTable
from tests.unit.verify.tables import HOSTILE, every_kind, healthy


def test_nothing_is_lost(every: TruthTable) -> None:
    """Every field of every object is there, under its own name."""
    found = json.loads(json.dumps(document_of(every)))
    assert found["lab"] == "small"
    assert found["equal"] is False
    assert found["measured"] is True
    assert found["asked"] == every.asked
    assert found["seconds"] == 2.64
    assert [tuple(one.values()) for one in found["cuts"]] == list(every.cuts)
    for there, table in (("differences", every.differences), ("nodes", every.nodes), ("cells", every.cells)):
        assert len(found[there]) == len(table) > 0
        assert [set(one) for one in found[there]] == [set(one.__slots__) for one in table]
    for there, cell in zip(found["cells"], every.cells, strict=True):
        assert (there["source"], there["destination"], there["state"]) == (
            *(cell.source, cell.destination),
            cell.state,
        )
        assert [tuple(one.values()) for one in there["dialogues"]] == [
            (
                *(one.connection, one.protocol, one.ports, one.provenance, one.reference, one.purpose),
                *(one.outcome, one.evidence, one.ms),
            )
            for one in cell.dialogues
        ]
        assert there["closed"] == {str(outcome): number for outcome, number in cell.closed}
    inner = [one for part in ("cells", "nodes") for each in found[part] for one in each["differences"]]
    assert sorted(map(str, inner)) == sorted(map(str, found["differences"]))
    assert {one["evidence"] for one in found["differences"]} == {one.evidence for one in every.differences}


def test_counts(every: TruthTable) -> None:
    found = document_of(every)["counts"]
    assert found == {
        "nodes": 21,
        "pairs": 22 * 21,
        "documented": 52,
        "spoken": 49,
        "cut": 1,
        "closed": 112 * 22 * 21,
        "differences": 10,
        "broken": 1,
        "states": {"spoken": 37, "closed": 419, "cut": 1, "unmeasured": 1, "missing": 2, "extra": 2},
    }
    assert sum(found["states"].values()) == found["pairs"]


def test_a_healthy_lab(good: TruthTable) -> None:
    found = document_of(good)
    assert found["equal"] is True
    assert found["measured"] is True
    assert found["differences"] == found["cuts"] == []


def test_it_is_plain_data(every: TruthTable) -> None:
    """Enumerations would read otherwise in other formats than JSON."""

    def types(value: Any) -> set[type]:
        if isinstance(value, dict):
            return {type(value)}.union(*map(types, (*value, *value.values())))
        if isinstance(value, list):
            return {type(value)}.union(*map(types, value))
        return {type(value)}

    assert types(document_of(every)) == {dict, list, str, int, float, bool}


def test_the_shape_is_documented(every: TruthTable) -> None:
    text = document_of.__doc__ or ""

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    outcomes_and_states = {"refused", "timeout", "closed", "missing", "extra", "unmeasured"}
    assert {key for key in keys(document_of(every)) if f"`{key}`" not in text} <= outcomes_and_states


def test_any_text_survives_json(good: TruthTable) -> None:
    table = every_kind(good, HOSTILE)
    text = json.dumps(document_of(table))
    text.encode()
    assert {one["evidence"] for one in json.loads(text)["differences"]} == {HOSTILE}


def test_only(small_plan: Any) -> None:
    assert document_of(healthy(small_plan, only="api-1"))["only"] == "api-1"
