"""Options and arguments that several commands share, and what completes them. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from labgen.plan.spec import LabSpec

__all__ = [
    "FileOption",
    "Format",
    "FormatOption",
    "LabArgument",
    "LabOption",
    "NameArgument",
    "NodesArgument",
    "SetOption",
    "SizeOption",
    "TimeoutOption",
    "read_spec",
]


class Format(StrEnum):
    """How a listing is printed."""

    TABLE = "table"
    JSON = "json"


def _labs(incomplete: str) -> list[str]:
    from labgen.engine.state import remembered_labs

    return [name for name in remembered_labs() if name.startswith(incomplete)]


def _sizes(incomplete: str) -> list[str]:
    folder = Path(__file__).resolve().parents[1] / "catalogue" / "sizes"
    return [path.stem for path in sorted(folder.glob("*.yaml")) if path.stem.startswith(incomplete)]


def _nodes(incomplete: str) -> list[str]:
    from labgen.engine.state import lab_state, remembered_labs

    names = {node for lab in remembered_labs() for node in lab_state(lab).nodes()}
    return sorted(name for name in names if name.startswith(incomplete))


def _settings(incomplete: str) -> list[str]:
    from labgen.catalogue.load import default_catalogue
    from labgen.plan.spec import LabSpec

    roles = [role.id for role in default_catalogue().roles.values() if role.template]
    return [f"{key}=" for key in [*LabSpec.model_fields, *roles] if key.startswith(incomplete)]


def complete_images(incomplete: str) -> list[str]:
    """Return the folders of images/ that begin with `incomplete`."""
    from labgen.assets import images_dir

    names = (path.parent.name for path in images_dir().glob("*/Dockerfile"))
    return sorted(name for name in names if name.startswith(incomplete))


LabArgument = Annotated[
    Optional[str],
    typer.Argument(
        help="The lab; not needed when there is only one.",
        autocompletion=_labs,
        metavar="LAB",
        envvar="LABGEN_LAB",
    ),
]
NameArgument = Annotated[
    Optional[str],
    typer.Argument(
        help="The lab's name; the name of its size without one.", autocompletion=_labs, metavar="NAME"
    ),
]
LabOption = Annotated[
    Optional[str],
    typer.Option(
        "--lab",
        "-l",
        help="The lab; not needed when there is only one.",
        autocompletion=_labs,
        envvar="LABGEN_LAB",
    ),
]
NodesArgument = Annotated[
    Optional[list[str]],
    typer.Argument(help="Nodes; all of them without any.", autocompletion=_nodes, metavar="NODE..."),
]
SizeOption = Annotated[
    Optional[str],
    typer.Option("--size", "-s", help="The size to begin with.", autocompletion=_sizes, envvar="LABGEN_SIZE"),
]
FileOption = Annotated[
    Optional[Path],
    typer.Option("--file", "-f", help="A lab.yaml with what differs from the size.", envvar="LABGEN_FILE"),
]
SetOption = Annotated[
    Optional[list[str]],
    typer.Option(
        "--set",
        help="KEY=VALUE of lab.yaml, or ROLE=COUNT; may be repeated.",
        metavar="KEY=VALUE",
        autocompletion=_settings,
        envvar="LABGEN_SET",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.", envvar="LABGEN_FORMAT")]
TimeoutOption = Annotated[
    float, typer.Option(help="Seconds to wait at most.", min=1, max=86400, envvar="LABGEN_TIMEOUT")
]


def read_spec(
    file: Path | None, sets: list[str] | None, size: str | None, base: LabSpec | None = None
) -> LabSpec:
    """Return what the options ask for, beginning with `base`. Raises InvalidInput with every fault."""
    from labgen.catalogue.load import default_catalogue
    from labgen.plan.parse import parse_spec

    return parse_spec(default_catalogue(), file, sets or (), size, base)
