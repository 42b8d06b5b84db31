"""Truth tables of the small lab: as it should be, and with a difference of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from tests.unit.verify.tables import every_kind, healthy

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue
    from labgen.plan.model import LabPlan
    from labgen.verify.table import TruthTable


@pytest.fixture(scope="session")
def good(small_plan: LabPlan) -> TruthTable:
    """Equal to the plan."""
    return healthy(small_plan)


@pytest.fixture(scope="session")
def every(good: TruthTable) -> TruthTable:
    """A difference of every kind, and so a cell of every state."""
    return every_kind(good)


@pytest.fixture(scope="session")
def wide(catalogue: Catalogue) -> TruthTable:
    """Fifty-eight participants, some of one role at one site."""
    spec = LabSpec.model_validate(
        {"datacenters": 3, "regions": 2, "counts": {"api": 2, "hypervisor": 4, "guest": 4}}
    )
    return healthy(make_plan(catalogue, spec, "wide"))
