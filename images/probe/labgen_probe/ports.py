"""Sets of ports as short text, as they travel: `22,80,5900-5999`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["pack", "unpack"]

_LAST = 65535


def pack(ports: Iterable[int]) -> str:
    """Return `ports` as ascending numbers and ranges; empty for none."""
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def unpack(text: str) -> list[int]:
    """Return the ports that `text` stands for, ascending and each once.

    Raises ValueError when it is not such a text, or names a port that cannot be.
    """
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        low = int(first)
        high = int(last) if dash else low
        if not 0 < low <= high <= _LAST:
            raise ValueError(f"there are no ports {part!r}")
        found.update(range(low, high + 1))
    return sorted(found)
