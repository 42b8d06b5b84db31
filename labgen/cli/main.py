"""The program `labgen`: its commands, and what every error becomes."""

from __future__ import annotations

import sys

import typer

from labgen.cli import (
    control,
    drift,
    drill,
    facts,
    files,
    images,
    lifecycle,
    machine,
    nodes,
    picture,
    show,
    smoke,
    verify,
    wires,
)
from labgen.errors import LabgenError, first_line

__all__ = ["app", "main"]

#: Whatever these raise is the engine's trouble, whichever question it comes from.
_ENGINE_LIBRARIES = {"docker", "requests", "urllib3", "python_on_whales"}

app = typer.Typer(
    name="labgen",
    help="A running lab of the platform's documented servers, with exactly the documented connections.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"auto_envvar_prefix": "LABGEN", "help_option_names": ["-h", "--help"]},
)
for module in (
    lifecycle,
    show,
    nodes,
    control,
    verify,
    smoke,
    drift,
    wires,
    drill,
    picture,
    facts,
    files,
    machine,
):
    module.register(app)
app.add_typer(images.app, name="images")


def main() -> None:
    """Run labgen. What a user can cause ends in one message and the documented exit code."""
    try:
        app()
    except LabgenError as error:
        sys.stderr.write(f"labgen: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        sys.exit(error.exit_code)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _ENGINE_LIBRARIES:
            raise
        sys.stderr.write(
            f"labgen: the Docker engine failed: {first_line(error)}\n  `labgen doctor` says more.\n"
        )
        sys.exit(LabgenError.exit_code)
