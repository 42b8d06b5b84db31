"""Which lab a command means when the user did not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.errors import InvalidInput
from labgen.nearest import did_you_mean

if TYPE_CHECKING:
    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus

__all__ = ["choose_lab", "find_lab", "find_nodes"]


def find_lab(engine: Engine, name: str | None) -> str:
    """Return the lab `name`, or the only one there is.

    Raises InvalidInput when there is no such lab, none at all, or more than one to choose from.
    """
    from labgen.engine.down import known_labs

    return choose_lab(known_labs(engine), name)


def choose_lab(labs: list[str], name: str | None) -> str:
    """Return the lab `name` of `labs`, or the only one there is. Raises as find_lab."""
    if name is not None:
        if name not in labs:
            there = f"there are: {', '.join(labs)}" if labs else "there is none"
            raise InvalidInput(
                f"there is no lab '{name}'{did_you_mean(name, labs)}; {there}",
                f"`labgen up {name}` makes one." if not labs else "",
            )
        return name
    if len(labs) == 1:
        return labs[0]
    if not labs:
        raise InvalidInput("there is no lab", "`labgen up` makes one.")
    raise InvalidInput(f"there are several labs: {', '.join(labs)}", "Name the one you mean.")


def find_nodes(running: dict[str, NodeStatus], names: list[str] | None, lab: str) -> list[NodeStatus]:
    """Return the nodes `names` of a lab, all of them for none. Raises InvalidInput for an unknown one."""
    for name in names or ():
        if name not in running:
            raise InvalidInput(
                f"lab '{lab}' has no node '{name}'{did_you_mean(name, running)}",
                "`labgen status` lists them.",
            )
    return [running[name] for name in names] if names else list(running.values())
