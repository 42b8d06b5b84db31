"""The state folder: what was rendered for each lab, its secrets, and what the user asked for.

It says nothing about what runs; the engine's labels do.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labgen.errors import LabgenError

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan
    from labgen.plan.spec import LabSpec

__all__ = ["LabState", "lab_state", "make_state_folder", "remembered_labs", "state_root"]

_SPEC = "lab.json"


def state_root() -> Path:
    """Return the folder of all labs: $LABGEN_STATE_DIR, or the user's state folder."""
    chosen = os.environ.get("LABGEN_STATE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path  # noqa: PLC0415 - not needed where the folder is given

    return user_state_path("labgen")


def make_state_folder(folder: Path) -> Path:
    """Make sure that `folder` exists, and return it. Raises LabgenError with the way out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabgenError(
            f"{folder}: cannot be written: {error.strerror}", "Choose another folder with $LABGEN_STATE_DIR."
        ) from error
    return folder


@dataclass(frozen=True, slots=True)
class LabState:
    """One lab's place in the state folder."""

    name: str
    folder: Path

    @property
    def lock_file(self) -> Path:
        """The lock, beside the folder, so that removing the folder never removes a lock in use."""
        return self.folder.parent / f"{self.name}.lock"

    def remember(self, spec: LabSpec, plan: LabPlan) -> None:
        """Keep what the user asked for, what labgen chose for it, and the names of the nodes it means."""
        document = {
            "spec": spec.model_dump(mode="json", exclude_defaults=True),
            "chosen": {
                "supernet": str(plan.supernet),
                "ports": {one.name: one.host_port for one in plan.published},
                "check_seconds": plan.check_seconds,
            },
            "nodes": [node.name for node in plan.nodes],
        }
        text = json.dumps(document, indent=1) + "\n"
        temporary = self.folder / f"{_SPEC}.new"
        temporary.write_text(text, "utf-8")
        temporary.replace(self.folder / _SPEC)

    def recall(self, *, chosen: bool = False) -> LabSpec | None:
        """Return what the user asked for last time, or None when nothing usable is remembered.

        `chosen` fills in the supernet, the host ports and the rhythm of checks that labgen chose then.
        """
        from labgen.plan.spec import LabSpec  # noqa: PLC0415 - completion reads names only

        try:
            document = json.loads((self.folder / _SPEC).read_text("utf-8"))
            return LabSpec.model_validate(document["spec"] | (document["chosen"] if chosen else {}))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def nodes(self) -> list[str]:
        """Return the names of the nodes that should be there; empty when nothing is remembered."""
        try:
            return list(map(str, json.loads((self.folder / _SPEC).read_text("utf-8"))["nodes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def secret(self, name: str) -> Path:
        """Return the path of a secret's file."""
        return self.folder / "secrets" / name

    def forget(self) -> None:
        """Remove the lab's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def lab_state(name: str) -> LabState:
    """Return the place of the lab `name`."""
    return LabState(name, state_root() / "labs" / name)


def remembered_labs() -> list[str]:
    """Return the names of all labs that have a folder."""
    try:
        return sorted(path.name for path in (state_root() / "labs").iterdir() if path.is_dir())
    except OSError:
        return []
