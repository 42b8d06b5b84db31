"""Fixtures of the tests of verification."""

from __future__ import annotations

import pytest

from labgen.verify import looks
from tests.unit.verify.probes import PLAN, FakeProbe


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure without an engine: probes of a healthy lab, which nobody asked yet."""
    monkeypatch.setattr(looks, "Probe", FakeProbe)
    monkeypatch.setattr(FakeProbe, "plan", PLAN)
    monkeypatch.setattr(FakeProbe, "asked", [])
    monkeypatch.setattr(FakeProbe, "broken", {})
