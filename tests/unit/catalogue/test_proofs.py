"""Which tests prove which rows: the shipped list is what the integration tests are made of now.

The modules are imported and asked for their own parameters; LABGEN_UPDATE_GOLDEN=1 writes the list anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from labgen.catalogue.load import load_catalogue, read_yaml
from labgen.errors import InvalidInput
from tests.integration import test_connections, test_large, test_variants
from tests.unit.catalogue.small import row, write_catalogue
from tests.unit.plan.specs import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PROOFS = ROOT / "labgen" / "catalogue" / "proofs.yaml"
HEADER = """\
# Which tests of labgen's own suite prove each row in a real lab. The tests do not ship; their names do.
# FILE::FUNCTION[ROW: SOURCE -> DESTINATION] speaks the row in its protocol; any other shows that in its lab
# nothing but the documented connections passes. Made from the tests by tests/unit/catalogue/test_proofs.py:
# LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/catalogue/test_proofs.py
"""
#: What a module calls the test that speaks a row, and the one that shows that nothing else is possible.
SPEAKS, CLOSES = "test_documented_connection_is_spoken", "test_nothing_else_is_possible"


def name_of(module: ModuleType, function: str, parameter: str = "") -> str:
    """Return a test's id as pytest has it."""
    assert module.__file__
    path = Path(module.__file__).resolve().relative_to(ROOT).as_posix()
    assert callable(getattr(module, function)), f"{path} has no {function}"
    return f"{path}::{function}" + (f"[{parameter}]" if parameter else "")


def parameters(module: ModuleType, function: str) -> list[str]:
    """Return the ids that a parametrised test gives its cases."""
    (mark,) = [one for one in getattr(module, function).pytestmark if one.name == "parametrize"]
    cases, ids = list(mark.args[1]), mark.kwargs.get("ids", str)
    found = [str(ids(one)) for one in cases] if callable(ids) else list(map(str, ids))
    assert len(found) == len(cases) == len(set(found))
    return found


def proofs() -> Iterator[tuple[str, str]]:
    """Yield (row, test), spoken ones first."""
    for module in (test_connections, test_variants, test_large):
        for parameter in parameters(module, SPEAKS):
            yield parameter.partition(": ")[0], name_of(module, SPEAKS, parameter)
    for promised in dict.fromkeys(one.connection.id for one in test_connections.promised_rows()):
        yield promised, name_of(test_connections, CLOSES)
    for one in test_large.planned("large").connections:
        yield one.id, name_of(test_large, CLOSES)
    for lab in parameters(test_variants, CLOSES):
        for one in test_variants.planned(lab).connections:
            yield one.id, name_of(test_variants, CLOSES, lab)


def test_the_list_is_up_to_date() -> None:
    found: dict[str, list[str]] = {one.id: [] for one in CATALOGUE.connections}
    for proven, test in proofs():
        found[proven].append(test)
    found = {proven: tests for proven, tests in found.items() if tests}
    if os.environ.get("LABGEN_UPDATE_GOLDEN") == "1":
        PROOFS.write_text(HEADER + yaml.safe_dump(found, sort_keys=False, width=1000), "utf-8")
    assert PROOFS.read_text("utf-8").startswith(HEADER)
    assert read_yaml(PROOFS) == found, f"LABGEN_UPDATE_GOLDEN=1 pytest {Path(__file__).name} writes it anew"


def test_every_row_that_can_be_realised_is_proven() -> None:
    """Spoken in its protocol, and in a lab in which nothing else passes."""
    proven = load_catalogue(PROOFS.parent).proofs
    for documented in CATALOGUE.connections:
        tests = proven.get(documented.id, ())
        servable = CATALOGUE.realisable(documented) and not CATALOGUE.data_only(documented)
        assert bool([one for one in tests if f"::{SPEAKS}[{documented.id}: " in one]) == servable
        assert bool([one for one in tests if f"::{CLOSES}" in one]) == servable


def test_every_other_way_that_is_served_has_a_lab() -> None:
    """A choice that no shipped server serves is data, and cannot be chosen."""
    chosen: set[Any] = {way for lab in test_variants.LABS.values() for way in lab["variants"].items()}
    assert chosen == {
        (topic, choice)
        for topic, one in CATALOGUE.variants.items()
        for choice in one.choices
        if choice not in one.data_only and choice != one.default
    }


@pytest.mark.parametrize(
    ("proofs", "fault"),
    [
        ({"2": ["t::x"]}, "proofs: 2: no connection has this id"),
        ({"1-htp": []}, "proofs: 1-htp: no connection has this id (did you mean '1-http'?)"),
        ({"1": "t::x"}, "proofs.1: Input should be a valid tuple"),
    ],
)
def test_faulty_proofs(tmp_path: Path, proofs: dict[str, Any], fault: str) -> None:
    folder = write_catalogue(tmp_path, connections=[row(), row(id="1-http")], proofs=proofs)
    with pytest.raises(InvalidInput) as caught:
        load_catalogue(folder)
    assert str(caught.value).splitlines()[1:] == [fault]


def test_a_catalogue_without_proofs(tmp_path: Path) -> None:
    assert load_catalogue(write_catalogue(tmp_path)).proofs == {}
    (tmp_path / "proofs.yaml").write_text(yaml.safe_dump({"1": ["t::x[1: web-1 -> dc1-database-1]", "t::y"]}))
    assert load_catalogue(tmp_path).proofs == {"1": ("t::x[1: web-1 -> dc1-database-1]", "t::y")}
