"""What tests of every kind share: the documented platform and how hard hypothesis tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from labgen.catalogue.load import default_catalogue

if TYPE_CHECKING:
    from labgen.catalogue.model import Catalogue

# No deadline: a test machine with two cores and other work on them is no reason to fail.
settings.register_profile(
    "labgen", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("labgen")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that ships."""
    return default_catalogue()
