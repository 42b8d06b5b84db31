"""Mermaid and DOT: every node and connection is there, and no name becomes a command."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from labgen.plan.spec import LabSpec
from labgen.render.graph.dot import dot
from labgen.render.graph.mermaid import mermaid
from labgen.render.graph.model import Picture, picture_of
from labgen.render.graph.palette import CUT as CUT_INK
from labgen.render.graph.palette import PROVENANCES
from tests.unit.graph.pictures import CUT, NASTY, drawn, faulty, nasty
from tests.unit.plan.specs import plan_of

_MERMAID_NODE = re.compile(r'^ +(\w+)[\[(]"(.*)"[\])]$', re.MULTILINE)
_MERMAID_ARROW = re.compile(r'^ +(\w+) (-->|-\.-x)\|"(.*)"\| (\w+)$', re.MULTILINE)
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_DOT_NODE = re.compile(rf"^ +{_QUOTED} \[label={_QUOTED}, tooltip=", re.MULTILINE)
_DOT_ARROW = re.compile(rf"^    {_QUOTED} -> {_QUOTED} \[label={_QUOTED}(.*)\]$", re.MULTILINE)


def entities(text: str) -> str:
    """Return what Mermaid shows for a label."""
    return re.sub(r"#(\d+);", lambda one: chr(int(one[1])), text)


def unescaped(text: str) -> str:
    """Return what Graphviz shows for a string."""
    return re.sub(r"\\(.)", r"\1", text).replace("&amp;", "&")


def labels(picture: Picture) -> list[tuple[str, str, str]]:
    return [(one.source, one.destination, one.label) for one in picture.arrows]


@pytest.mark.parametrize("picture", [drawn(), drawn(datacenters=2, counts={"api": 2, "rs": 2}), nasty()])
def test_mermaid_has_every_node_and_every_arrow(picture: Picture) -> None:
    text = mermaid(picture)
    names = {key: entities(label) for key, label in _MERMAID_NODE.findall(text)}
    assert sorted(names.values()) == sorted(box.name for box in picture.boxes)
    arrows = [
        (names[one], names[other], entities(label)) for one, _, label, other in _MERMAID_ARROW.findall(text)
    ]
    assert arrows == labels(picture)


@pytest.mark.parametrize("picture", [drawn(), drawn(datacenters=2, counts={"api": 2, "rs": 2}), nasty()])
def test_dot_has_every_node_and_every_arrow(picture: Picture) -> None:
    text = dot(picture)
    nodes = [(unescaped(name), unescaped(label)) for name, label in _DOT_NODE.findall(text)]
    assert sorted(nodes) == sorted((box.name, box.name) for box in picture.boxes)
    arrows = [tuple(map(unescaped, found[:3])) for found in _DOT_ARROW.findall(text)]
    assert arrows == labels(picture)


def test_mermaid_takes_no_name_for_its_own_sign() -> None:
    text = mermaid(nasty())
    inside = re.findall(r'"([^"]*)"', text.split("accDescr:")[1].split("\n", 1)[1])
    assert len(inside) == text.split("accDescr:")[1].split("\n", 1)[1].count('"') / 2
    assert not [one for one in inside if re.search(r"[<>`\\]|&(?!\w+;)", one)]
    keys = [key for key, _ in _MERMAID_NODE.findall(text)]
    assert len(set(keys)) == len(keys) == len(NASTY)
    assert all(key.startswith("n_") for key in keys), "`end` and the like are words of Mermaid's"


def test_dot_ends_every_string_that_it_begins() -> None:
    for line in dot(nasty()).splitlines():
        assert not re.search(r'["\\]', re.sub(_QUOTED, "", line)), line
    assert "&amp;amp;" in dot(nasty()), "Graphviz reads entities"


def test_mermaid_colours_by_provenance() -> None:
    picture = drawn()
    text = mermaid(picture)
    styles = {
        colour: [int(one) for one in numbers.split(",")]
        for numbers, colour in re.findall(r"linkStyle (\S+) stroke:(\S+)", text)
    }
    arrows = re.findall(r"-->\|", text)
    assert sorted(number for numbers in styles.values() for number in numbers) == list(range(len(arrows)))
    for kind, ink in PROVENANCES.items():
        mine = [index for index, one in enumerate(picture.arrows) if one.provenance is kind]
        assert styles[ink.middle][:-1] == mine  # the last one is the legend's
        assert f'-->|"{kind}"|' in text


def test_dot_colours_by_provenance() -> None:
    picture = drawn()
    colours = [re.findall(r'color="(#\w+)"', found[3])[0] for found in _DOT_ARROW.findall(dot(picture))]
    assert colours == [PROVENANCES[one.provenance].light for one in picture.arrows]


def test_states_and_cuts_in_mermaid() -> None:
    text = mermaid(faulty())
    assert 'n_m_1["m-1<br>unhealthy"]' in text
    assert 'n_ui_1["ui-1<br>missing"]' in text
    assert 'n_redis_1["redis-1<br>paused"]' in text
    assert re.search(r"class n_mysql_1,n_redis_1 stopped$", text, re.MULTILINE)
    assert 'n_api_1 -.-x|"mysql 3306 (cut)"| n_mysql_1' in text
    index = next(n for n, one in enumerate(faulty().arrows) if (one.source, one.destination) == CUT)
    assert f"linkStyle {index} stroke:{CUT_INK.middle}" in text
    assert "healthy" not in mermaid(drawn())


def test_states_and_cuts_in_dot() -> None:
    text = dot(faulty())
    assert r'"m-1" [label="m-1\nunhealthy"' in text
    assert re.search(r'"ui-1" \[.*style="dotted,filled,rounded"', text)
    (cut,) = [found for found in _DOT_ARROW.findall(text) if "(cut)" in found[2]]
    assert cut[:3] == (*CUT, "mysql 3306 (cut)")
    assert f'color="{CUT_INK.light}"' in cut[3]
    assert "style=dashed, arrowhead=tee" in cut[3]


def test_a_server_of_one_node_has_no_frame() -> None:
    assert 'subgraph place0_7["server services"]' in mermaid(drawn())
    assert "server api" not in mermaid(drawn())
    assert "server api" in mermaid(drawn(counts={"api": 2}))
    assert 'label="server services"' in dot(drawn())


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_same_plan_same_bytes(draw: Callable[[Picture], str]) -> None:
    spec = LabSpec.model_validate({"datacenters": 2, "counts": {"api": 2}})
    assert draw(picture_of(plan_of(spec))) == draw(picture_of(plan_of(spec)))


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_five_thousand_nodes_take_a_line_each(draw: Callable[[Picture], str]) -> None:
    picture = drawn(datacenters=500, regions=450, supernet="10.0.0.0/8")
    assert len(picture.boxes) > 4500
    lines = draw(picture).count("\n")
    frames = 2 * sum(1 + len(place.servers) for place in picture.places)
    assert len(picture.boxes) + len(picture.arrows) <= lines
    assert lines <= len(picture.boxes) + len(picture.arrows) + frames + 100
