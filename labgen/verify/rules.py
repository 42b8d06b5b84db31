"""Rules in force against rules rendered, line by line: `nft` lists them as labgen spells them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rule_faults"]

# `nft` lists protocols by their names where the image has a file of them, which few servers need.
_PROTOCOL: Final = re.compile(r"(?<=\bl4proto )(?:6|17)\b")
_NAMES: Final = {"6": "tcp", "17": "udp"}
_ROW: Final = re.compile(r'comment "(?:published )?([^"]*)"')


def rule_faults(rendered: str | None, in_force: str | None) -> list[tuple[str, str, str]]:
    """Return (line, what is wrong with it, document row) for every line that is not in force as rendered.

    None stands for a table that is not there.
    """
    if rendered is None or in_force is None:
        if rendered is in_force:
            return []
        return [("the whole table", "is missing" if in_force is None else "should not be there", "")]
    wanted, found = list(_lines(rendered)), list(_lines(in_force))
    missing, extra = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    faults = [(line, "is not in force", _row(line)) for _, line in missing.elements()]
    faults += [(line, "was not rendered", _row(line)) for _, line in extra.elements()]
    if not faults and wanted != found:
        return [("the rules", "are in another order", "")]
    return faults


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield (chain, rule) in their order, without what only loading needs."""
    chain = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("chain "):
            chain = line.split()[1]
        if line and not line.startswith(("#", "table ", "delete ")) and line != "}":
            yield chain, _PROTOCOL.sub(lambda found: _NAMES[found[0]], line)


def _row(line: str) -> str:
    found = _ROW.search(line)
    return found[1] if found else ""
