"""The SVG: well-formed, complete, self-contained, and every text on the canvas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from labgen.errors import InvalidInput
from labgen.plan.spec import LabSpec
from labgen.render.graph.model import Picture, picture_of
from labgen.render.graph.svg import svg
from labgen.render.graph.text import width_of
from tests.unit.graph.pictures import NASTY, connections, drawn, faulty, nasty
from tests.unit.graph.test_layout import LABS
from tests.unit.plan.specs import lab_specs, plan_of

_NS = "{http://www.w3.org/2000/svg}"
_SIZES = {"lab": 17, "name": 13, "place-name": 13, "server-name": 10.5}
_BOLD = {"lab", "name", "place-name"}


def parsed(picture: Picture) -> ET.Element:
    return ET.fromstring(svg(picture))  # noqa: S314 - our own text


def having(root: ET.Element, attribute: str) -> list[ET.Element]:
    return [one for one in root.iter() if attribute in one.attrib]


@given(lab_specs(most=2))
@settings(max_examples=10)
def test_every_node_and_every_row_is_drawn(spec: LabSpec) -> None:
    picture = picture_of(plan_of(spec))
    root = parsed(picture)
    assert sorted(one.get("data-node", "") for one in having(root, "data-node")) == sorted(
        box.name for box in picture.boxes
    )
    drawn_wires = [
        (one.get("data-from", ""), one.get("data-to", ""), one.get("data-row", ""))
        for one in having(root, "data-row")
    ]
    assert sorted(drawn_wires) == sorted(connections(picture))


def test_a_wire_says_what_it_is() -> None:
    (wire,) = [one for one in having(parsed(drawn()), "data-row") if one.get("data-row") == "22"]
    assert wire.findtext(f"{_NS}title") == (
        "22: dc1-rs-1 → dc1-redis-1, redis 6379/tcp, monitoring subscriptions and download state"
        " (documented: W1, W3, W17; R1, R4, R9)"
    )


def test_it_is_an_image_with_a_title_and_a_description() -> None:
    root = parsed(drawn("mine"))
    assert root.get("role") == "img"
    title, description = (root.find(f"*[@id='{one}']") for one in (root.get("aria-labelledby") or "").split())
    assert title is not None
    assert title.text == "lab mine"
    assert description is not None
    assert "dc1-rs-1" in (description.text or "")


@pytest.mark.parametrize("picture", LABS.values(), ids=LABS)
def test_it_needs_nothing_from_elsewhere_and_runs_nothing(picture: Picture) -> None:
    text = svg(picture)
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    root = ET.fromstring(text)  # noqa: S314 - our own text
    names = {one.tag.removeprefix(_NS) for one in root.iter()}
    assert names <= {
        *("svg", "title", "desc", "style", "g", "rect", "path", "circle", "text", "tspan"),
    }
    attributes = {name for one in root.iter() for name in one.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name]
    style = root.findtext(f"{_NS}style") or ""
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def texts(root: ET.Element, x: float = 0, y: float = 0) -> Iterator[tuple[str, float, float, float]]:
    """Yield every text with its left end, its right end and its base line, in the root's own units."""
    for one in root:
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)", one.get("transform", ""))
        at = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        if one.tag == f"{_NS}text":
            kinds = set((one.get("class") or "").split())
            size = max((_SIZES[kind] for kind in kinds & _SIZES.keys()), default=11.5)
            text = "".join(one.itertext())
            wide = width_of(text, size, bold=bool(kinds & _BOLD))
            left = at[0] + float(one.get("x", "0")) - (wide if "number" in kinds else 0)
            yield text, left, left + wide, at[1] + float(one.get("y", "0"))
        else:
            yield from texts(one, *at)


@pytest.mark.parametrize("picture", LABS.values(), ids=LABS)
def test_every_text_is_on_the_canvas(picture: Picture) -> None:
    root = parsed(picture)
    x, y, width, height = map(float, (root.get("viewBox") or "").split())
    found = list(texts(root))
    assert {box.name for box in picture.boxes} <= {text for text, *_ in found}
    for text, left, right, base in found:
        assert x <= left <= right <= x + width, text
        assert y + 8 <= base <= y + height - 4, text


@pytest.mark.parametrize("picture", LABS.values(), ids=LABS)
def test_every_text_of_a_node_is_inside_its_box(picture: Picture) -> None:
    for node in having(parsed(picture), "data-node"):
        box = node.find(f"{_NS}rect[@class='box']")
        assert box is not None
        left, width = float(box.get("x", "")), float(box.get("width", ""))
        top, height = float(box.get("y", "")), float(box.get("height", ""))
        for text, start, end, base in texts(node):
            assert left < start <= end < left + width, text
            assert top < base < top + height, text


def test_a_line_of_a_port_has_room_for_all_it_says() -> None:
    """The protocol is at the left end, the rest at the right end; they do not meet."""
    for node in having(parsed(drawn()), "data-node"):
        lines: dict[float, list[tuple[float, float]]] = {}
        for _, left, right, base in texts(node):
            lines.setdefault(base, []).append((left, right))
        for one in lines.values():
            ordered = sorted(one)
            assert all(right < left for (_, right), (left, _) in pairwise(ordered)), node.get("data-node")


def test_states_have_a_word_and_a_sign() -> None:
    root = parsed(faulty())
    nodes = {one.get("data-node"): one for one in having(root, "data-node")}
    for name, kind, word in (
        ("api-1", "starting", "starting"),
        ("m-1", "unhealthy", "unhealthy"),
        ("redis-1", "stopped", "paused"),
        ("ui-1", "missing", "missing"),
        ("frontend-1", "healthy", "healthy"),
    ):
        node = nodes[name]
        assert kind in (node.get("class") or "").split()
        assert word in [one.text for one in node.iter(f"{_NS}text")]
        assert [one for one in node.iter() if "sign" in (one.get("class") or "").split()]
    assert "live" not in svg(drawn()).split("</style>")[1]


def test_a_cut_wire_has_a_cross() -> None:
    cut = [one for one in having(parsed(faulty()), "data-row") if "cut" in (one.get("class") or "").split()]
    assert [(one.get("data-from"), one.get("data-to")) for one in cut] == [("api-1", "mysql-1")]
    assert cut[0].find(f"{_NS}path[@class='cross']") is not None
    assert (cut[0].findtext(f"{_NS}title") or "").endswith(", cut")
    assert parsed(drawn()).find(f".//{_NS}path[@class='cross']") is None


def legend(picture: Picture) -> list[str]:
    group = parsed(picture).find(f"{_NS}g[@class='legend']")
    return [] if group is None else [(one.text or "").split(":")[0] for one in group.iter(f"{_NS}text")]


def test_the_legend_explains_what_is_there_and_nothing_else() -> None:
    assert legend(drawn()) == ["documented", "vendor-code", "inferred"]
    assert legend(faulty()) == [
        *("documented", "vendor-code", "inferred", "cut"),
        *("healthy", "starting", "unhealthy", "stopped", "missing"),
    ]
    assert legend(nasty()) == ["inferred"]
    assert legend(LABS["alone"]) == []


def test_names_are_text() -> None:
    names = [one.text for one in parsed(nasty()).iter(f"{_NS}text") if one.get("class") == "name"]
    assert names == NASTY


def test_same_plan_same_bytes() -> None:
    assert svg(drawn(datacenters=2)) == svg(drawn(datacenters=2))


def test_too_many_nodes() -> None:
    with pytest.raises(InvalidInput) as caught:
        svg(drawn(datacenters=150, supernet="10.0.0.0/8"))
    assert str(caught.value) == (
        "lab 'lab' has 1064 nodes; labgen lays out at most 1000\n"
        "Take --format dot or --format mermaid, or draw a smaller lab."
    )
