"""The plan of a lab that exists: what it was brought up with, from what the state folder remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.catalogue.load import default_catalogue
from labgen.errors import LabgenError
from labgen.plan.build import make_plan
from labgen.plan.parse import check_spec

if TYPE_CHECKING:
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan

__all__ = ["plan_of_lab"]


def plan_of_lab(state: LabState) -> LabPlan:
    """Return the plan that the lab was last brought up with: same supernet, addresses and host ports.

    It asks no engine, so it says what should run, not what does. Raises LabgenError when nothing usable
    is remembered, InvalidInput when the catalogue no longer has what is.
    """
    spec = state.recall(chosen=True)
    if spec is None:
        raise LabgenError(
            f"the plan of lab '{state.name}' is not known: {state.folder / 'lab.json'} is missing, "
            "incomplete, or from an older labgen",
            f"`labgen up {state.name}` writes it anew, and leaves alone what runs as it should.",
        )
    catalogue = default_catalogue()
    return make_plan(catalogue, check_spec(catalogue, spec, str(state.folder / "lab.json")), state.name)
