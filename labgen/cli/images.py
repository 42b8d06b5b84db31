"""`labgen images`: build, list and remove the images of all servers."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from labgen.cli.options import Format, FormatOption, complete_images
from labgen.cli.output import note, print_rows
from labgen.cli.progress import Progress, shown

__all__ = ["app"]

app = typer.Typer(help="The images of the servers.", no_args_is_help=True)
Names = Annotated[
    Optional[list[str]],
    typer.Argument(
        help="Images; all that the shipped servers use without any.",
        metavar="IMAGE...",
        autocompletion=complete_images,
    ),
]


@app.command()
def build(
    names: Names = None,
    progress: Annotated[
        Progress, typer.Option("--progress", help="How to show progress.", envvar="LABGEN_PROGRESS")
    ] = Progress.AUTO,
) -> None:
    """Build what is missing. An image whose contents did not change is never built twice."""
    from labgen.engine.build import build_images, missing_images
    from labgen.engine.client import connect
    from labgen.engine.stock import shipped_images

    images = shipped_images(names)
    engine = connect()
    missing = missing_images(engine, images)
    if missing:
        with shown(progress) as emit:
            build_images(engine, missing, emit)
    note(f"{len(images)} images are ready, {len(missing)} of them built now")


@app.command("ls")
def list_images(style: FormatOption = Format.TABLE) -> None:
    """List the images: tag, parent, size, and whether it is there."""
    from labgen.engine.client import connect
    from labgen.engine.stock import stock

    columns = {"image": "IMAGE", "tag": "TAG", "parent": "BUILT UPON", "state": "STATE", "size": "SIZE"}
    print_rows(stock(connect(), human=style is Format.TABLE), style, columns)


@app.command("rm")
def remove(
    old: Annotated[bool, typer.Option("--old", help="Only what no present image folder stands for.")] = False,
) -> None:
    """Remove the images that labgen built; those in use stay."""
    from labgen.engine.client import connect
    from labgen.engine.stock import remove_images

    removed, kept = remove_images(connect(), only_old=old)
    note(f"{removed} images removed" + (f", {kept} are in use and stay" if kept else ""))
