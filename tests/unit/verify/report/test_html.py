"""The page: complete, valid, self-contained, readable without a script, and closed to hostile text."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from labgen.verify.report.html import html_of
from labgen.verify.report.wording import KINDS, MARKS, place, visible
from labgen.verify.table import Difference, Kind, State
from tests.unit.verify.tables import HOSTILE, cut, every_kind, many_open, planted, stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.verify.table import TruthTable

BROKE = Difference(Kind.PROBE, "api-1", "", "everything", "an answer", "the probe broke")
VOID = {"meta", "input", "br"}


@dataclass(eq=False)
class Element:
    """An element with everything in it; text as strings."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "", **wanted: str) -> Iterator[Element]:
        """Every element inside, of `tag` and with these attributes."""
        for child in self.children:
            if isinstance(child, Element):
                if tag in {"", child.tag} and wanted.items() <= child.attributes.items():
                    yield child
                yield from child.all(tag, **wanted)

    def one(self, tag: str = "", **wanted: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **wanted)
        return found

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def words(self) -> str:
        """The text as people see it: elements stand apart."""
        parts = (child if isinstance(child, str) else child.words for child in self.children)
        return " ".join(" ".join(parts).split())


class Reader(HTMLParser):
    """Reads a page strictly: every element must be closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


@cache
def read(table: TruthTable) -> Element:
    reader = Reader()
    reader.feed(html_of(table))
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


def rows_of(table: Element) -> list[list[Element]]:
    return [
        [cell for cell in row.children if isinstance(cell, Element)] for row in table.one("tbody").all("tr")
    ]


@pytest.fixture(scope="module", params=["good", "every", "wide", "hostile", "stopped", "open", "cut", "only"])
def table(request: pytest.FixtureRequest, good: TruthTable) -> TruthTable:
    match request.param:
        case "hostile":
            return every_kind(good, HOSTILE)
        case "stopped":
            return stopped(good, "dc1-rs-1")
        case "open":
            return many_open(good, ["ui-1", "api-1"], [22, 23])
        case "cut":
            return cut(good, ("api-1", "redis-1"))
        case "only":
            cells = tuple(cell for cell in good.cells if cell.source == "api-1")
            return replace(good, cells=cells, only="api-1:")
        case name:
            found: TruthTable = request.getfixturevalue(name)
            return found


def test_every_link_leads_somewhere_on_the_page(table: TruthTable) -> None:
    page = read(table)
    ids = Counter(one.attributes["id"] for one in page.all() if "id" in one.attributes)
    assert set(ids.values()) == {1}
    links = [one.attributes["href"] for one in page.all() if "href" in one.attributes]
    assert links
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    keys = ("aria-labelledby", "aria-describedby")
    named = {one.attributes[key] for one in page.all() for key in keys if key in one.attributes}
    assert {"h-pairs", "reading"} <= named <= set(ids)


def test_it_needs_nothing_else_and_runs_nothing_else(table: TruthTable) -> None:
    page = read(table)
    assert not [one for one in page.all() if {"src", "srcset", "style"} & set(one.attributes)]
    assert not [one for one in page.all() if one.tag in {"img", "link", "iframe", "object", "base", "svg"}]
    assert not [name for one in page.all() for name in one.attributes if name.startswith("on")]
    script, style = page.one("script"), page.one("style")
    assert not script.attributes
    assert "url(" not in style.text
    assert "@import" not in style.text
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    for name, element in (("script-src", script), ("style-src", style)):
        assert parts[name] == f"'sha256-{b64encode(sha256(element.text.encode()).digest()).decode()}'"


def test_the_matrix_has_every_pair(table: TruthTable) -> None:
    matrix = read(table).one("table", id="matrix")
    heads = list(matrix.one("thead").all("th"))
    names = [node.name for node in table.nodes]
    assert [one.attributes["scope"] for one in heads] == ["col"] * (len(names) + 1)
    assert [one.text for one in heads[1:]] == names
    assert [(one.attributes["data-site"], one.attributes["data-role"]) for one in heads[1:]] == [
        (place(node), node.role) for node in table.nodes
    ]
    rows = rows_of(matrix)
    assert [row[0].text.removesuffix("!") for row in rows] == names
    assert {row[0].attributes["scope"] for row in rows} == {"row"}
    found = {
        (source, name): cell
        for source, row in zip(names, rows, strict=True)
        for name, cell in zip(names, row[1:], strict=True)
    }
    for pair, td in found.items():
        cell = table.by_pair.get(pair)
        if cell is None:
            assert td.attributes["class"] == ("self" if pair[0] == pair[1] else "not")
            assert not td.text
            continue
        # Never by colour alone.
        assert td.attributes["class"] == cell.state
        assert td.text.removesuffix("\ufe0e") == MARKS[cell.state]
        label = next(iter([*td.all("a"), td])).attributes["aria-label"]
        assert label.startswith(f"{pair[0]} to {pair[1]}, {cell.state}. nothing else: 110 refused, 2 timeout")
        assert len(label.split("; ")) >= 1 + len(cell.dialogues) + len(cell.differences)


def test_every_difference_is_there_without_a_script(table: TruthTable) -> None:
    page = read(table)
    number = {node.name: at for at, node in enumerate(table.nodes)}
    items = [
        item
        for article in page.one("section", id="differences").all("article")
        for item in article.all()
        if "data-pair" in item.attributes
    ]

    def pair(one: Difference) -> str:
        there = number.get(one.destination)
        return str(number[one.source]) if there is None else f"{number[one.source]}-{there}"

    assert Counter(item.attributes["data-pair"] for item in items) == Counter(map(pair, table.differences))
    for one in table.differences:
        texts = [item.words for item in items if item.attributes["data-pair"] == pair(one)]
        told = [
            one.question,
            f"Expected {one.expected}",
            f"Found {one.found}",
            *visible(one.evidence).split(),
        ]
        assert any(all(part in text for part in told) for text in texts), one


def test_every_connection_is_there_without_a_script(table: TruthTable) -> None:
    rows = rows_of(read(table).one("section", id="connections"))
    assert [[cell.text for cell in row] for row in rows if row] == [
        [
            *(cell.source, cell.destination, one.connection, one.protocol, one.ports),
            f"{mark} {one.outcome}",
            *(visible(one.evidence), f"{one.ms:.1f}", one.purpose, one.provenance, one.reference),
        ]
        for (cell, one), mark in zip(
            [(cell, one) for cell in table.cells for one in cell.dialogues],
            [row[5].text.partition(" ")[0] for row in rows],
            strict=True,
        )
    ]


def test_every_node_reports(table: TruthTable) -> None:
    rows = rows_of(read(table).one("section", id="nodes"))
    for node, row in zip(table.nodes, rows, strict=True):
        assert [cell.text for cell in row[:4]] == [node.name, node.role, place(node), node.enforced]
        assert len(list(row[4].all("a"))) == len(node.differences)
        assert [(one.one("dt").text, one.one("dd").text) for one in row[5].all("div")] == list(node.checks)


def test_how_each_connection_went(every: TruthTable) -> None:
    rows = list(read(every).one("section", id="connections").one("tbody").all("tr"))
    states = Counter(row.attributes["data-state"] for row in rows)
    assert states == {"spoken": 48, "cut": 1, "missing": 1, "unmeasured": 1, "extra": 1}


def test_hostile_text_is_text(good: TruthTable) -> None:
    """In evidence, and in whatever else a lab could have a say in."""
    hostile = every_kind(good, HOSTILE)
    page = read(hostile)
    assert not list(page.all("img"))
    assert page.text.count(visible(HOSTILE)) >= len(KINDS)
    assert "{{ 7*7 }}" in page.text
    text = html_of(hostile)
    text.encode()
    assert all(one.isprintable() or one in "\n\ufe0e" for one in text)
    named = replace(
        good,
        only=HOSTILE,
        nodes=tuple(replace(node, role=HOSTILE, site=HOSTILE, enforced=HOSTILE) for node in good.nodes),
    )
    assert not list(read(named).all("img"))


def test_the_files_that_ship_cannot_close_their_own_elements(good: TruthTable) -> None:
    page = read(good)
    assert page.one("script").text.rstrip().endswith("})();")
    assert page.one("style").text.rstrip().endswith("}")


def test_the_verdict(good: TruthTable, every: TruthTable) -> None:
    broken = planted(good, BROKE)
    for table, verdict, kind in (
        (good, "Exactly as documented", "good"),
        (every, "10 differences, 1 broken probe", "bad"),
        (broken, "Not known: 1 probe broke", "unknown"),
    ):
        assert read(table).one("p", **{"class": f"verdict {kind}"}).text == verdict
    assert read(good).one("title").text == "Lab small: exactly as documented"
    assert read(every).one("title").text == "Lab small: 11 differences"


def test_the_legend_explains_every_mark(every: TruthTable) -> None:
    page = read(every)
    legend = page.one("ul", **{"class": "legend"})
    assert [one.words for one in legend.all("li")] == [
        *("● spoken 37", "· closed 419", "✂ cut 1", "? unmeasured 1", "! missing 2", "✗ extra 2"),
        "itself",
    ]
    footer = page.one("footer").text
    assert all(f"{state}:" in footer for state in State)


def test_an_unmeasured_pair_leads_to_its_source(good: TruthTable) -> None:
    """What broke is told once, by the source; its cells must not be silent."""
    table = planted(good, BROKE)
    cells = tuple(
        replace(cell, state=State.UNMEASURED) if cell.source == "api-1" and not cell.dialogues else cell
        for cell in table.cells
    )
    number = [node.name for node in table.nodes].index("api-1")
    found = read(replace(table, cells=cells)).one("table", id="matrix").all("td", **{"class": "unmeasured"})
    assert {td.one("a").attributes["href"] for td in found} == {f"#n-{number}"}


def test_only_what_a_script_serves_waits_for_it(good: TruthTable) -> None:
    """Without a script there are no filters that do nothing."""
    page = read(good)
    assert [one.attributes["id"] for one in page.all() if "hidden" in one.attributes] == [
        "filters",
        "keys",
        "detail",
    ]
    script = page.one("script").text
    assert all(re.search(rf"getElementById\('{name}'\)", script) for name in ("filters", "keys", "detail"))


def test_the_filters_offer_every_site_and_role(good: TruthTable) -> None:
    for end in ("source", "destination"):
        for key, wanted in (("site", map(place, good.nodes)), ("role", (node.role for node in good.nodes))):
            options = [one.text for one in read(good).one("select", name=f"{end}-{key}").all("option")]
            assert options == ["all", *dict.fromkeys(wanted)]


def test_no_difference_is_said_so_far_as_it_was_asked(good: TruthTable) -> None:
    said = "None: every documented connection works, and nothing else does"
    assert f"{said}." in read(good).words
    assert f"{said}, as far as it was asked (only api-1)." in read(replace(good, only="api-1")).words


def test_the_size_and_firewall_are_told(good: TruthTable) -> None:
    assert "without a firewall" not in read(good).one("footer").text
    assert "made without a firewall" in read(replace(good, firewall=False)).one("footer").text


def test_more_nodes_get_smaller_cells(good: TruthTable, wide: TruthTable) -> None:
    assert read(good).one("section", id="pairs").attributes["class"] == "roomy"
    assert read(wide).one("section", id="pairs").attributes["class"] == "dense"
