"""`labgen render` and `labgen schema`: files to work with outside labgen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labgen.cli.options import FileOption, NameArgument, SetOption, SizeOption, read_spec
from labgen.cli.output import note, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(render)
    app.command()(schema)


def render(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to write to.", envvar="LABGEN_OUTPUT")
    ],
    name: NameArgument = None,
    size: SizeOption = None,
    file: FileOption = None,
    sets: SetOption = None,
) -> None:
    """Write a lab's folder: `docker compose up` starts it without labgen.

    The same input gives the same bytes. Secrets and certificates are random: they are made once, and
    stay when the folder is rendered again.
    """
    from labgen.assets import images_dir, templates_dir
    from labgen.catalogue.load import default_catalogue
    from labgen.errors import InvalidInput
    from labgen.images import image_tags
    from labgen.plan.build import make_plan
    from labgen.plan.parse import check_name
    from labgen.render.lab import render_lab
    from labgen.render.write import write_rendering

    spec = read_spec(file, sets, size)
    plan = make_plan(default_catalogue(), spec, check_name(name or spec.size))
    if output.exists() and not output.is_dir():
        raise InvalidInput(f"--output {output}: is not a folder")
    written = write_rendering(output, render_lab(plan, templates_dir(), image_tags(images_dir())))
    note(f"{output}: {len(written.changed)} files written; `docker compose up -d` in it starts the lab")
    note("images that are not built yet: `labgen images build`")


def schema() -> None:
    """Print the JSON Schema of lab.yaml, for an editor."""
    from labgen.plan.spec import LabSpec

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **LabSpec.model_json_schema()})
