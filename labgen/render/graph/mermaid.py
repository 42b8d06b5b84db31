"""A lab as a Mermaid flowchart, for a page that draws it (GitHub, GitLab, an editor)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from labgen.render.graph.palette import CUT, PROVENANCES, STATES, kinds_of, state_kind, states_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labgen.render.graph.model import Box, Picture, Place

__all__ = ["mermaid"]

# Between quotes Mermaid reads only these as its own signs, or as HTML; an entity is always text.
_ENTITIES: Final = {one: f"#{ord(one)};" for one in '"#<>&`\\'}
_PARTED: Final = 2  # a server of so many nodes has a frame of its own


def mermaid(picture: Picture) -> str:
    """Return `picture` as a flowchart; one line per node and per arrow."""
    ids = _ids(box.name for box in picture.boxes)
    return "\n".join([*_lines(picture, ids), ""])


def _lines(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    yield "flowchart LR"
    yield f"    accTitle: {_plain(f'lab {picture.lab}')}"
    yield f"    accDescr: {_plain(picture.caption)}"
    for index, place in enumerate(picture.places):
        yield from _place(place, f"place{index}", ids)
    for arrow in picture.arrows:
        line = "-.-x" if arrow.cut else "-->"
        label = f"{arrow.label} (cut)" if arrow.cut else arrow.label
        yield f"    {ids[arrow.source]} {line}|{_text(label)}| {ids[arrow.destination]}"
    # Behind all other arrows: the styles below count them.
    yield from _legend(picture)
    yield from _styles(picture, ids)


def _ids(names: Iterable[str]) -> dict[str, str]:
    """Return for each name one that Mermaid takes for nothing else, readable where that can be."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for index, name in enumerate(names):
        wanted = f"n_{re.sub(r'[^0-9A-Za-z]', '_', name)}"
        found[name] = f"{wanted}__{index}" if wanted in taken else wanted
        taken.add(found[name])
    return found


def _place(place: Place, name: str, ids: Mapping[str, str]) -> Iterator[str]:
    yield f"    subgraph {name}[{_text(place.title)}]"
    for number, server in enumerate(place.servers):
        if len(server.boxes) < _PARTED:
            yield from (f"        {_node(box, ids)}" for box in server.boxes)
            continue
        yield f"        subgraph {name}_{number}[{_text(f'server {server.name}')}]"
        yield from (f"            {_node(box, ids)}" for box in server.boxes)
        yield "        end"
    yield "    end"


def _node(box: Box, ids: Mapping[str, str]) -> str:
    label = _text(box.name) if box.state is None else _text(box.name, box.state)
    return f"{ids[box.name]}({label})" if box.actor else f"{ids[box.name]}[{label}]"


def _legend(picture: Picture) -> Iterator[str]:
    kinds = [str(one) for one in kinds_of(picture)]
    if kinds:
        yield '    subgraph legend["arrows"]'
        yield from (f'        legend{n}a(( )) -->|"{kind}"| legend{n}b(( ))' for n, kind in enumerate(kinds))
        yield "    end"


def _styles(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    kinds = kinds_of(picture)
    numbers: dict[str, list[str]] = {}
    for index, arrow in enumerate(picture.arrows):
        numbers.setdefault(CUT.middle if arrow.cut else PROVENANCES[arrow.provenance].middle, []).append(
            str(index)
        )
    for index, kind in enumerate(kinds, len(picture.arrows)):
        numbers.setdefault(PROVENANCES[kind].middle, []).append(str(index))
    yield from (f"    linkStyle {','.join(mine)} stroke:{colour}" for colour, mine in numbers.items())
    outside = [ids[box.name] for box in picture.boxes if box.actor]
    if outside:
        yield "    classDef outside stroke-dasharray:4 3"
        yield f"    class {','.join(outside)} outside"
    for state in states_of(picture):
        mine = [ids[box.name] for box in picture.boxes if box.state and state_kind(box.state) == state]
        dash = ",stroke-dasharray:2 4" if state == "missing" else ""
        yield f"    classDef {state} stroke:{STATES[state].middle},stroke-width:2px{dash}"
        yield f"    class {','.join(mine)} {state}"


def _text(*lines: str) -> str:
    """Return a quoted label that shows `lines` and nothing else."""
    return '"' + "<br>".join("".join(_ENTITIES.get(one, one) for one in _plain(line)) for line in lines) + '"'


def _plain(text: str) -> str:
    return " ".join(text.split())
