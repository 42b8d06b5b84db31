"""Where the probes of a lab go: which nodes run, in whose network each is, and where its program is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labgen.assets import images_dir
from labgen.engine.build import build_images, missing_images
from labgen.engine.events import Emit, ignore
from labgen.engine.observe import RUNNING, NodeState, observe
from labgen.images import read_images, wanted_images
from labgen.verify.inside import programs_inside
from labgen.verify.session import PROBE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.engine.client import Engine
    from labgen.engine.observe import NodeStatus
    from labgen.engine.state import LabState

__all__ = ["Places", "bring_program", "find_places"]


@dataclass(frozen=True, slots=True)
class Places:
    """The nodes of a lab as the engine has them, and the `programs` of those that a probe is started in.

    The others, and this machine, are probed from a container of `image` beside them.
    """

    lab: str
    image: str
    statuses: Mapping[str, NodeStatus]
    programs: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> list[str]:
        """Names of the nodes that a probe can be sent to."""
        return [name for name, one in self.statuses.items() if one.state in RUNNING]

    def words_of(self, name: str) -> str:
        """Return what the engine says of a node that does not run."""
        status = self.statuses.get(name)
        return f"{status.state} ({status.detail})" if status else NodeState.MISSING


def find_places(engine: Engine, state: LabState, emit: Emit = ignore) -> Places:
    """Return where probes go, with their image built and their program in the lab's nodes.

    Raises LabgenError when the image does not build or the program cannot be put there.
    """
    folders = read_images(images_dir())
    # The probe is no part of a lab, so `up` may not have built it.
    build_images(engine, missing_images(engine, wanted_images(folders, {PROBE_IMAGE})), emit)
    image = folders[PROBE_IMAGE].tag
    found = Places(state.name, image, observe(engine, state.name))
    programs = programs_inside(engine, state, image, [found.statuses[name] for name in found.running])
    return Places(found.lab, image, found.statuses, programs)


def bring_program(engine: Engine, state: LabState) -> None:
    """Put the probe's program into a lab that comes up, if the engine has its image. Raises as above."""
    probe = read_images(images_dir())[PROBE_IMAGE]
    if not missing_images(engine, [probe]):
        programs_inside(engine, state, probe.tag, observe(engine, state.name).values())
