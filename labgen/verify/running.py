"""Verifies a lab whose plan is still to be read: that takes as long as probes need to look around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.engine.events import Emit, ignore
from labgen.verify.looks import Looks
from labgen.verify.places import find_places

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.verify.table import TruthTable

__all__ = ["verify_running"]


def verify_running(engine: Engine, state: LabState, only: str = "", emit: Emit = ignore) -> TruthTable:
    """Return the truth table of a running lab, by the plan that it was brought up with.

    Raises InvalidInput when `only` names nobody, LabgenError when its plan or its secrets are gone.
    """
    with Looks(engine, find_places(engine, state, emit)) as looks:
        if not only:
            looks.begin_inside()
        # Not before: to load what reads a plan takes a third of a second, and the probes are on their way.
        from labgen.engine.plans import plan_of_lab  # noqa: PLC0415
        from labgen.verify.lab import verify_with  # noqa: PLC0415

        return verify_with(looks, engine, state, plan_of_lab(state), only)
