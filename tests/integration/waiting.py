"""The one way in which these tests wait for what no event tells."""

from __future__ import annotations

import time
from collections.abc import Callable

#: A busy machine may take its time to start a whole cluster; what is measured has bounds of its own.
PATIENCE = 60.0
_POLL = 0.1


def until(true: Callable[[], bool], seconds: float = PATIENCE, say: Callable[[], object] = str) -> float:
    """Wait until something holds and return how long that took; fail with what `say` returns."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() < start + seconds, f"not within {seconds:g} s: {say()}"
        time.sleep(_POLL)
    took = time.monotonic() - start
    assert took < seconds, f"only after {took:.1f} s"
    return took
