"""The page: one file that needs nothing else, with all the facts that its script shows."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from labgen.render.graph import html as module
from labgen.render.graph.html import html
from labgen.render.graph.model import Picture
from tests.unit.graph.pictures import connections, drawn, faulty, nasty


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its data."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.script = ""
        self._reading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._reading = tag == "script" and dict(attrs).get("id") == "data"

    def handle_data(self, data: str) -> None:
        if self._reading:
            self.script += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._reading = False

    @property
    def data(self) -> Any:
        return json.loads(self.script)

    def having(self, attribute: str) -> list[dict[str, str]]:
        return [attributes for _, attributes in self.elements if attribute in attributes]


PICTURES = {"plan": drawn(), "faulty": faulty(), "nasty": nasty()}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_it_needs_nothing_from_elsewhere(picture: Picture) -> None:
    text = html(picture)
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w[^\s\"'<]*", text) == ["http://www.w3.org/2000/svg"]
    page = Page(text)
    assert not [
        name for _, attributes in page.elements for name in attributes if name in {"src", "href", "srcset"}
    ]
    assert not {"link", "iframe", "img", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    assert "url(" not in text
    assert "@import" not in text


def test_its_policy_forbids_what_it_does_not_need() -> None:
    (policy,) = [one["content"] for one in Page(html(drawn())).having("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_its_data_has_every_node_and_every_row(picture: Picture) -> None:
    page = Page(html(picture))
    assert [one["name"] for one in page.data["nodes"]] == [box.name for box in picture.boxes]
    rows = {row.id: row for arrow in picture.arrows for row in arrow.rows}
    assert set(page.data["rows"]) == set(rows)
    for name, row in rows.items():
        shown = page.data["rows"][name]
        assert (shown["protocol"], shown["purpose"], shown["reference"]) == (
            row.protocol,
            row.purpose,
            row.reference,
        )
        assert (shown["provenance"], shown["note"]) == (str(row.provenance), row.note)
    wires = [(one["data-from"], one["data-to"], one["data-row"]) for one in page.having("data-row")]
    assert sorted(wires) == sorted(connections(picture))


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_the_keyboard_reaches_every_node(picture: Picture) -> None:
    nodes = Page(html(picture)).having("data-node")
    assert len(nodes) == len(picture.boxes)
    for one in nodes:
        assert (one["tabindex"], one["role"]) == ("0", "button")
        assert one["aria-label"].startswith(one["data-node"])


def test_states_are_there_to_be_read_and_searched() -> None:
    nodes = {one["name"]: one for one in Page(html(faulty())).data["nodes"]}
    assert nodes["m-1"]["state"] == "unhealthy"
    assert "unhealthy" in nodes["m-1"]["words"].split()
    assert "6379" in nodes["dc1-redis-1"]["words"].split()
    assert nodes["frontend-1"]["hosts"] == ["localhost:8080", "localhost:8443", "localhost:41337"]


def test_filters_offer_what_there_is() -> None:
    picture = drawn(datacenters=2)
    boxes = Page(html(picture)).having("data-filter")
    offered: dict[str, list[str]] = {}
    for one in boxes:
        offered.setdefault(one["data-filter"], []).append(one["value"])
    assert offered["site"] == ["platform", "dc1", "dc2", "pcr1"]
    assert offered["provenance"] == ["documented", "vendor-code", "inferred"]
    assert offered["protocol"] == sorted({row.protocol for arrow in picture.arrows for row in arrow.rows})


def test_no_text_becomes_an_element() -> None:
    tags = [tag for tag, _ in Page(html(nasty())).elements]
    assert tags.count("script") == 2
    assert not {"b", "i"} & set(tags)


def test_the_script_finds_what_it_looks_for() -> None:
    """Every id and every name of a data attribute that the script uses is on the page."""
    script = (Path(module.__file__).parent / "page" / "page.js").read_text("utf-8")
    page = Page(html(drawn()))
    ids = {one["id"] for one in page.having("id")}
    wanted = set(re.findall(r'getElementById\("([^"]+)"\)', script))
    assert {"search", "panel", "status"} <= wanted <= ids
    attributes = {name for _, found in page.elements for name in found}
    assert set(re.findall(r"\[(data-[a-z]+)\]", script)) <= attributes
    assert "innerHTML" not in script, "what a picture says is text, never markup"


def test_same_plan_same_bytes() -> None:
    assert html(drawn(datacenters=2)) == html(drawn(datacenters=2))
