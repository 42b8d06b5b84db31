"""Sets of ports as short text, as they travel between labgen and its probes: `22,80,5900-5999`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["pack", "unpack"]


def pack(ports: Iterable[int]) -> str:
    """Return `ports` as ascending numbers and ranges; empty for none."""
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


@lru_cache(maxsize=4096)
def unpack(text: str) -> frozenset[int]:
    """Return the ports that `text` stands for; most addresses are asked for the same ones.

    Raises ValueError when it is not such a text.
    """
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
