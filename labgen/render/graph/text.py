"""How wide a text is. Nobody knows which font a viewer has, so this is the width in a wide one."""

from __future__ import annotations

from typing import Final

__all__ = ["width_of"]

# Parts of the font's size, from DejaVu Sans, the widest of the usual sans-serif fonts.
_NARROW: Final = dict.fromkeys("fijlrt:;.,'|!()[]-/ ", 0.40)
_WIDE: Final = dict.fromkeys("mwMW@%", 0.97)
_USUAL: Final = 0.64


def width_of(text: str, size: float, *, bold: bool = False) -> int:
    """Return an upper bound for the width of `text` at `size`, in the same unit, rounded up."""
    total = sum(_NARROW.get(one) or _WIDE.get(one) or (0.78 if one.isupper() else _USUAL) for one in text)
    return int(total * size * (1.1 if bold else 1.0)) + 1
