"""What the tests of the API's work share."""

from __future__ import annotations

import pytest

from tests.unit.stub.work.kinton import Kinton


@pytest.fixture
def kinton() -> Kinton:
    return Kinton()
