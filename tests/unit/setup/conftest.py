"""A machine of fakes for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.setup.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.stop()
