"""What tests of every kind share: the documented platform, the small lab, and how hard hypothesis tries."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec
from labgen.render.lab import render_lab

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue
    from labgen.plan.model import LabPlan
    from labgen.render.lab import Rendering

# No deadline: a test machine with two cores and other work on them is no reason to fail.
settings.register_profile(
    "labgen", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("labgen")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell's background job ignores SIGINT and hands that on: nothing could be interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that ships."""
    return default_catalogue()


@pytest.fixture(scope="session")
def golden_images() -> dict[str, str]:
    """Every image folder with a tag that does not change with its contents."""
    return {
        path.parent.name: f"labgen/{path.parent.name}:golden" for path in images_dir().glob("*/Dockerfile")
    }


@pytest.fixture(scope="session")
def small_plan(catalogue: Catalogue) -> LabPlan:
    """The small lab as nobody changed it."""
    return make_plan(catalogue, LabSpec(), "small")


@pytest.fixture(scope="session")
def small(small_plan: LabPlan, golden_images: dict[str, str]) -> Rendering:
    """The small lab rendered with the templates that ship."""
    return render_lab(small_plan, templates_dir(), golden_images)
