"""Sizes of memory as people write them (`96MiB`), and back."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MEMORY_PATTERN", "format_bytes", "parse_bytes"]

_FACTORS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
#: The same for a JSON Schema, whose patterns know no flags.
MEMORY_PATTERN: Final = r"^\s*\d+(\.\d+)?\s*[kKmMgGtT]?[iI]?[bB]?\s*$"


def parse_bytes(text: str | int) -> int:
    """Return the number of bytes in `96MiB`, `96m`, `0.5GiB` or a plain number of bytes.

    Raises ValueError, with what it would take, for anything else and for less than one byte.
    """
    match = _SIZE.fullmatch(str(text).strip())
    value = int(float(match[1]) * _FACTORS[match[2].lower()]) if match else 0
    if value < 1:
        raise ValueError(f"{text!r} is not a size of memory; write it like 96MiB or 1.5GiB")
    return value


def format_bytes(value: int) -> str:
    """Return `value` bytes in the largest binary unit that keeps it at 1 or more: `1.5GiB`, `96MiB`."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{value / factor:.1f}".removesuffix(".0") + unit
    return f"{value}B"
