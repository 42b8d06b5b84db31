"""A lab in Graphviz's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labgen.render.graph.model import port_text
from labgen.render.graph.palette import CUT, PROVENANCES, STATES, kinds_of, state_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.render.graph.model import Arrow, Box, Picture, Place

__all__ = ["dot"]

_PARTED: Final = 2  # a server of so many nodes has a frame of its own
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;", "\n": " "})
_LINES: Final = {"9 3": "dashed", "2 3": "dotted", "": "solid"}


def dot(picture: Picture) -> str:
    """Return `picture` as a directed graph; one line per node and per arrow."""
    return "\n".join([*_lines(picture), ""])


def _lines(picture: Picture) -> Iterator[str]:
    title = f"lab {picture.lab}: {picture.caption}"
    yield f"digraph {_quoted(picture.lab)} {{"
    yield f'    graph [rankdir=LR, labelloc=t, fontname="sans-serif", label={_quoted(title)}]'
    yield '    node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"]'
    yield '    edge [fontname="sans-serif", fontsize=10]'
    for index, place in enumerate(picture.places):
        yield from _place(place, f"cluster_{index}")
    yield from (f"    {_arrow(arrow)}" for arrow in picture.arrows)
    yield from _legend(picture)
    yield "}"


def _place(place: Place, name: str) -> Iterator[str]:
    yield f"    subgraph {name} {{"
    yield f'        label={_quoted(place.title)}; style="{"dashed" if place.outside else "rounded"}"'
    for number, server in enumerate(place.servers):
        nodes = [f"            {_node(box)}" for box in server.boxes]
        if len(nodes) < _PARTED:
            yield from (node[4:] for node in nodes)
            continue
        yield f"        subgraph {name}_{number} {{"
        title = _quoted(f"server {server.name}")
        yield f'            label={title}; style="rounded,filled"; fillcolor="#f0f3f6"'
        yield from nodes
        yield "        }"
    yield "    }"


def _node(box: Box) -> str:
    styles = {"rounded", "filled"}
    facts = {"label": _quoted(box.name), "tooltip": _quoted(f"{box.name}, server {box.server}")}
    if box.state is not None:
        kind = state_kind(box.state)
        facts["label"] = _quoted(box.name, box.state)
        facts["color"] = _quoted(STATES[kind].light)
        facts["penwidth"] = "2"
        styles |= {"dotted"} if kind == "missing" else set()
    if box.actor:
        styles |= {"dashed"}
    if styles != {"rounded", "filled"}:
        facts["style"] = _quoted(",".join(sorted(styles)))
    return f"{_quoted(box.name)} [{_facts(facts)}]"


def _arrow(arrow: Arrow) -> str:
    ink = CUT if arrow.cut else PROVENANCES[arrow.provenance]
    rows = (
        f"{row.id}: {row.protocol} {port_text(row)}, {row.purpose}, {row.provenance} ({row.reference})"
        for row in arrow.rows
    )
    facts = {
        "label": _quoted(f"{arrow.label} (cut)" if arrow.cut else arrow.label),
        "color": _quoted(ink.light),
        "fontcolor": _quoted(ink.light),
        "tooltip": _quoted(*rows),
    }
    if arrow.cut:
        facts |= {"style": "dashed", "arrowhead": "tee"}
    elif ink.dash:
        facts["style"] = _LINES[ink.dash]
    return f"{_quoted(arrow.source)} -> {_quoted(arrow.destination)} [{_facts(facts)}]"


def _legend(picture: Picture) -> Iterator[str]:
    kinds = kinds_of(picture)
    if not kinds:
        return
    yield "    subgraph cluster_legend {"
    yield '        label="arrows"; style="dotted"'
    for index, kind in enumerate(kinds):
        ink = PROVENANCES[kind]
        ends = [f"legend {index}{end}" for end in "ab"]
        yield from (f'        "{end}" [shape=point, width=0.05, label=""]' for end in ends)
        facts = {"label": _quoted(str(kind)), "color": _quoted(ink.light), "fontcolor": _quoted(ink.light)}
        yield f'        "{ends[0]}" -> "{ends[1]}" [{_facts(facts | {"style": _LINES[ink.dash]})}]'
    yield "    }"


def _facts(facts: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in facts.items())


def _quoted(*lines: str) -> str:
    r"""Return a string that shows `lines`: Graphviz ends it at a quote and reads \N, \n and &amp; its way."""
    return '"' + "\\n".join(line.translate(_ESCAPES) for line in lines) + '"'
