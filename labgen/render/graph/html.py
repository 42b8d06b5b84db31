"""A lab as one HTML page: the SVG picture with search, filters and details, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labgen.render.graph.model import port_text
from labgen.render.graph.palette import CUT, PROVENANCES
from labgen.render.graph.svg import svg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.render.graph.model import Box, Picture, Place

__all__ = ["html"]

_FOLDER: Final = Path(__file__).resolve().parent / "page"


def html(picture: Picture) -> str:
    """Return `picture` as a page that needs no server and no network."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(
        picture=picture,
        filters=_filters(picture),
        css=_colours() + (_FOLDER / "page.css").read_text("utf-8"),
        js=(_FOLDER / "page.js").read_text("utf-8"),
        svg=svg(picture, interactive=True),
        data=_data(picture),
    )


def _colours() -> str:
    inks = [*((str(kind), ink) for kind, ink in PROVENANCES.items()), ("cut", CUT)]
    light = " ".join(f"--{name}: {ink.light};" for name, ink in inks)
    dark = " ".join(f"--{name}: {ink.dark};" for name, ink in inks)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _filters(picture: Picture) -> list[tuple[str, str, list[str]]]:
    """Return what can be chosen: title, key, choices."""
    rows = [row for arrow in picture.arrows for row in arrow.rows]
    provenances = {row.provenance for row in rows}
    return [
        ("Sites", "site", _each(place.site for place in picture.places)),
        ("Provenance", "provenance", [str(one) for one in PROVENANCES if one in provenances]),
        ("Protocols", "protocol", sorted({row.protocol for row in rows})),
    ]


def _each(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _data(picture: Picture) -> dict[str, Any]:
    """Return what the page's script has to know beyond what is drawn."""
    return {
        "nodes": [
            _node(place, box) for place in picture.places for server in place.servers for box in server.boxes
        ],
        "rows": {
            row.id: {
                "protocol": row.protocol,
                "port": port_text(row),
                "purpose": row.purpose,
                "provenance": str(row.provenance),
                "reference": row.reference,
                "note": row.note,
            }
            for arrow in picture.arrows
            for row in arrow.rows
        },
    }


def _node(place: Place, box: Box) -> dict[str, Any]:
    ports = [word for port in box.ports for word in (port.protocol, port.number, port.host)]
    words = [box.name, box.role, box.server, place.title, box.state or "", *ports]
    return {
        "name": box.name,
        "role": box.role,
        "server": box.server,
        "site": place.site,
        "place": place.title,
        "state": box.state or "",
        "hosts": [port.host for port in box.ports if port.host],
        "words": " ".join(words).lower(),
    }
