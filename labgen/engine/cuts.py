"""Takes documented wires away from a running lab, and gives them back.

What is cut is written beside the node's rules, where its entry point reads it: a node that restarts comes
back with the wire still cut. A node that runs gets the same rules at once, from a container in its network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker.errors import APIError, ImageNotFound

from labgen.assets import images_dir
from labgen.engine.events import Emit, ignore
from labgen.engine.lock import locked
from labgen.engine.observe import RUNNING, NodeState, observe
from labgen.engine.once import run_beside
from labgen.errors import LabgenError
from labgen.images import image_tags
from labgen.render.beside import HOLDER_IMAGE
from labgen.render.cuts import CUTS_FILE, NO_CUTS, cut_names, cuts_text, link_between
from labgen.render.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labgen.engine.client import Engine
    from labgen.engine.state import LabState
    from labgen.plan.model import LabPlan

__all__ = ["Wire", "change_cuts", "cut_tables", "cut_wires", "load_rules"]

_REACHED = RUNNING | {NodeState.PAUSED}  # a paused node has its network
_SECONDS = 30


@dataclass(frozen=True, slots=True, order=True)
class Wire:
    """What joins two nodes on a link, in either direction; `one` is the node that drops its packets."""

    one: str
    other: str

    @classmethod
    def between(cls, plan: LabPlan, source: str, destination: str) -> Wire:
        """Return the wire of two nodes, the same for both orders. Raises InvalidInput when there is none."""
        link_between(plan, source, destination)
        names = list(plan.node_by_name)

        def order(name: str) -> tuple[bool, int]:
            # Whoever shares addresses with others drops by the other end's: its own do not say who it is.
            return not plan.shared_by(plan.node_by_name[name]), names.index(name)

        return cls(*sorted((source, destination), key=order))

    @property
    def pairs(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Both ordered pairs that the wire serves."""
        return (self.one, self.other), (self.other, self.one)


def cut_wires(state: LabState) -> list[Wire]:
    """Return what is cut in a lab."""
    return [Wire(node, other) for node, text in cut_tables(state).items() for other in cut_names(text)]


def cut_tables(state: LabState) -> dict[str, str]:
    """Return the table of every node that has a cut wire, as it was rendered."""
    found = {}
    for path in sorted((state.folder / "nodes").glob(f"*/{CUTS_FILE}")):
        try:
            found[path.parents[1].name] = path.read_text("utf-8")
        except OSError as error:
            raise LabgenError(f"{path}: cannot be read: {error.strerror}") from error
    return {node: text for node, text in found.items() if cut_names(text)}


def change_cuts(
    engine: Engine,
    state: LabState,
    plan: LabPlan,
    *,
    cut: Iterable[Wire] = (),
    heal: Iterable[Wire] = (),
    emit: Emit = ignore,
) -> list[Wire]:
    """Cut and heal wires of a lab; return those that were not so before. Raises LabgenError."""
    with locked(state, f"cut {state.name}", emit, _SECONDS):
        before = set(cut_wires(state))
        after = before - set(heal) | set(cut)
        changed = sorted(before ^ after)
        running = observe(engine, state.name)
        for node in dict.fromkeys(wire.one for wire in changed):
            others = [wire.other for wire in sorted(after) if wire.one == node]
            text = cuts_text(plan, node, others) if others else NO_CUTS
            _write(state.folder / "nodes" / node / CUTS_FILE, text if others else "")
            if node in running and running[node].state in _REACHED:
                load_rules(engine, state.name, running[node].network, text)
    return changed


def _write(path: Path, text: str) -> None:
    try:
        if text:
            write_file(path, text, 0o644)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise LabgenError(f"{path}: cannot be written: {error.strerror}", "Make room.") from error


def load_rules(engine: Engine, lab: str, network: str, text: str) -> str:
    """Load a rule set into the network of container `network`, or ask nft anything else; return what it says.

    Raises LabgenError when it is refused.
    """
    image = image_tags(images_dir())[HOLDER_IMAGE]
    try:
        code, said = run_beside(
            engine,
            lab,
            image,
            ["nft", text],
            network=network,
            seconds=_SECONDS,
            memory="64m",
            cap_add=["NET_ADMIN"],
        )
    except ImageNotFound as error:
        raise LabgenError(
            f"the rules could not be loaded: the engine has no image {image}, which loads them",
            "`labgen images build` makes it; the lab was made by another labgen.",
        ) from error
    except APIError as error:
        raise LabgenError(f"the rules could not be loaded: {error.explanation}") from error
    if code:
        raise LabgenError(f"the rules could not be loaded: {said or f'exit code {code}'}")
    return said
