"""Wires that are cut: a table of rules of its own beside a node's firewall, and what it says.

A cut wire is silent, in both directions and for connections that stand already, as an unplugged one is:
packets are dropped before the firewall could refuse them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from labgen.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labgen.plan.model import LabPlan

__all__ = ["CUTS_FILE", "NO_CUTS", "cut_names", "cuts_text", "link_between"]

#: In the node's folder of the rendered lab; its container sees it below /etc/labgen.
CUTS_FILE: Final = "cuts/cuts.nft"
#: What takes all cuts of a node away.
NO_CUTS: Final = "table inet labgen_cuts {}\ndelete table inet labgen_cuts\n"
_NAME: Final = re.compile(r'ip daddr \S+ drop comment "([^"]+)"')


def link_between(plan: LabPlan, one: str, other: str) -> str:
    """Return the name of the link with a documented connection between two nodes.

    Raises InvalidInput when no document joins them.
    """
    mine, theirs = plan.node_by_name[one], plan.node_by_name[other]
    neighbours = [*plan.neighbours(mine), *plan.clients(mine)]
    if not any(neighbour.node is theirs for neighbour in neighbours):
        names = ", ".join(dict.fromkeys(neighbour.node.name for neighbour in neighbours)) or "nobody"
        raise InvalidInput(
            f"no documented connection joins {one} and {other}: there is no wire to cut",
            f"{one} is joined with: {names}",
        )
    roles = {mine.role, theirs.role}
    links = (plan.link_by_name[interface.link] for interface in mine.interfaces)
    return next(link.name for link in links if set(link.roles) == roles and other in link.members)


def cuts_text(plan: LabPlan, node: str, others: Sequence[str]) -> str:
    """Return the table of `node` that cuts its wires to `others`, spelled as `nft` lists it."""
    if not others:
        return NO_CUTS
    address = {
        name: interface.address
        for name in others
        for interface in plan.node_by_name[name].interfaces
        if interface.link == link_between(plan, node, name)
    }
    lines = [NO_CUTS, "table inet labgen_cuts {\n"]
    for hook, side in (("output", "daddr"), ("input", "saddr")):
        lines += [
            f"  chain {hook} {{\n",
            f"    type filter hook {hook} priority filter - 10; policy accept;\n",
            *(f'    ip {side} {address[name]} drop comment "{name}"\n' for name in sorted(others)),
            "  }\n",
        ]
    return "".join([*lines, "}\n"])


def cut_names(text: str) -> list[str]:
    """Return the nodes whose wires a table cuts."""
    return _NAME.findall(text)
