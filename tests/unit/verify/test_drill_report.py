"""A drill for people and for programs: a line for each wire, stable keys, and a page by itself."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape

import pytest

from labgen.engine.cuts import Wire
from labgen.plan.model import LabPlan
from labgen.verify.drill import Drill, Felt, Late, Notice, Trial
from labgen.verify.felt import Impact
from labgen.verify.report.drill_document import drill_document
from labgen.verify.report.drill_html import drill_html
from labgen.verify.report.drill_text import COLUMNS, drill_rows, drill_sentence
from tests.unit.verify.tables import HOSTILE


@pytest.fixture(scope="session")
def done(small_plan: LabPlan) -> Drill:
    """Four wires: noticed by two, by one of whom for a while only, by nobody, and never recovered from."""
    return Drill(
        lab="small",
        size="small",
        nodes=tuple(small_plan.node_by_name),
        window=6.0,
        seconds=61.26,
        trials=(
            Trial(
                Wire("frontend-1", "api-1"),
                "frontend-api",
                ("8",),
                ("frontend-1",),
                (Notice("m-1", 2.54, "503"), Notice("ui-1", 3.0, "502"), Notice("client-1", 5.01, "late")),
                2.04,
                felt=Felt(Impact(2.25, 9, "503 <gone>", 1.004), alone=True),
            ),
            Trial(
                Wire("ui-1", "m-1"), "ui-m", ("5",), ("ui-1",), (Notice("ui-1", 1.0, "?", over=2.26),), 0.0
            ),
            Trial(
                Wire("ui-1", "api-1"),
                "ui-api",
                ("3",),
                ("ui-1",),
                (),
                0.0,
                felt=Felt(Impact(0.0, 0), alone=True),
            ),
            Trial(
                Wire("api-1", "dc1-rs-1"),
                "dc1-api-rs",
                ("16", "29-rs-api-http"),
                ("api-1", "dc1-rs-1"),
                (Notice("api-1", 4.0, "rs is silent"),),
                None,
                (Late("api-1", "rs is silent"),),
                Felt(Impact(7.0, 4, "no answer"), alone=False),
            ),
        ),
        accepted=240,
    )


def test_a_line_for_each_wire(done: Drill) -> None:
    assert [list(one.values()) for one in drill_rows(done)] == [
        [
            "frontend-1 - api-1",
            "8",
            "m-1 after 2.5 s, ui-1 after 3.0 s, client-1 after 5.0 s",
            "2.0 s",
            "2.2 s",
            "9",
        ],
        ["ui-1 - m-1", "5", "nobody, (ui-1 from 1.0 s to 2.3 s)", "", "-", "-"],
        ["ui-1 - api-1", "3", "nobody", "", "no", "0"],
        [
            "api-1 - dc1-rs-1",
            "16, 29-rs-api-http",
            "api-1 after 4.0 s",
            "not in time: api-1",
            "7.0 s, until healed",
            "4",
        ],
    ]
    never = replace(done.trials[3], felt=Felt(Impact(None, 4, "no answer"), alone=False))
    assert drill_rows(replace(done, trials=(never,)))[0]["affected"] == "still"
    assert all(set(one) == set(COLUMNS) for one in drill_rows(done))


def test_one_sentence(done: Drill) -> None:
    begins = "lab 'small': 4 wires cut and healed in 61 s; somebody noticed 2, nobody 2"
    kept = "; 240 writes accepted meanwhile, none of them lost"
    assert drill_sentence(done) == begins + kept
    assert drill_sentence(replace(done, lost=("a",))).endswith(
        "; 240 writes accepted meanwhile, 1 of them lost"
    )
    assert drill_sentence(replace(done, unknown="nobody can log in")) == f"{begins}; nobody can log in"
    well = replace(done, trials=done.trials[:1])
    assert drill_sentence(well) == (
        "lab 'small': 1 wire cut and healed in 61 s; somebody noticed 1, nobody 0; everybody is well again"
        + kept
    )
    assert "well again" not in drill_sentence(replace(well, fault="no"))


def test_the_document_has_everything(done: Drill) -> None:
    document = drill_document(done)
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        *("lab", "size", "nodes", "window", "seconds", "fault", "accepted", "lost", "unknown", "wires")
    ]
    assert (document["accepted"], document["lost"], document["unknown"]) == (240, [], "")
    assert (document["window"], document["seconds"], document["fault"]) == (6.0, 61.26, "")
    first, passing, _, late = document["wires"]
    assert first == {
        "one": "frontend-1",
        "other": "api-1",
        "link": "frontend-api",
        "connections": ["8"],
        "dependants": ["frontend-1"],
        "noticed": [
            {"node": "m-1", "after": 2.54, "over": None, "said": "503"},
            {"node": "ui-1", "after": 3.0, "over": None, "said": "502"},
            {"node": "client-1", "after": 5.01, "over": None, "said": "late"},
        ],
        "well_after": 2.04,
        "late": [],
        "users": {"affected": 2.25, "alone": True, "failed": 9, "said": "503 <gone>", "slowest": 1.0},
    }
    assert passing["users"] is None
    assert passing["noticed"][0]["over"] == 2.26
    assert (late["well_after"], late["late"]) == (None, [{"node": "api-1", "said": "rs is silent"}])
    assert all(list(one) == list(first) for one in document["wires"])


def cells(page: str) -> dict[str, list[tuple[str, str]]]:
    """Return class and text of every cell of the matrix, by wire."""
    matrix = page.partition('<table id="matrix">')[2].partition("</table>")[0]
    rows = re.findall(r'<tr><th scope="row"><a href="#w-\d+">([^<]+)</a></th>(.*?)</tr>', matrix, re.DOTALL)
    return {
        name: [(kind, text) for kind, text in re.findall(r'<td class="(\w+)"[^>]*>([^<]*)</td>', row)]
        for name, row in rows
    }


def test_the_matrix(done: Drill, small_plan: LabPlan) -> None:
    found = cells(drill_html(done, small_plan))
    assert list(found) == [f"{one.wire.one} - {one.wire.other}" for one in done.trials]
    at = {
        wire: dict(zip(done.nodes, row, strict=True))  # a cell for every node
        for wire, row in found.items()
    }
    first = at["frontend-1 - api-1"]
    assert first["m-1"] == ("early", "2.5")
    assert first["ui-1"] == ("between", "3.0")
    assert first["client-1"] == ("late", "5.0")
    assert first["frontend-1"] == ("unaware", "○")
    assert first["api-1"] == ("used", "□")
    assert first["redis-1"] == ("far", "")
    assert at["ui-1 - m-1"]["ui-1"] == ("passing", "(1.0)")
    assert at["api-1 - dc1-rs-1"]["dc1-rs-1"] == ("unaware", "○")


def test_how_many_wires_each_node_notices(done: Drill, small_plan: LabPlan) -> None:
    foot = drill_html(done, small_plan).partition("<tfoot>")[2].partition("</tfoot>")[0]
    totals = dict(zip(done.nodes, re.findall(r"<td>(\d*)</td>", foot), strict=True))
    assert {name: total for name, total in totals.items() if total} == {
        "m-1": "1",
        "ui-1": "1",
        "client-1": "1",
        "api-1": "1",
    }


def test_every_wire_says_its_rows(done: Drill, small_plan: LabPlan) -> None:
    page = unescape(drill_html(done, small_plan))
    for trial in done.trials:
        for row in trial.connections:
            one = small_plan.connection_by_id[row]
            assert f"<li>{row}: {one.protocol} {one.ports}, {one.purpose} " in page
    assert "m-1 after 2.5 s" in page
    assert re.search(r'<td>2.2 s\s*<div class="said">9 failed: 503 <gone></div></td></tr>', page)
    assert "<td>7.0 s, until healed" in page
    assert "not in time: api-1" in page


def test_the_result_is_said_at_the_top(done: Drill, small_plan: LabPlan) -> None:
    assert '<p class="verdict good">Everybody recovered</p>' in drill_html(done, small_plan)
    bad = drill_html(replace(done, fault="api-1 was not well"), small_plan)
    assert '<p class="verdict bad">Not as it should be</p>\n<p class="evidence">api-1 was not well</p>' in bad
    assert "Everybody recovered" not in bad


def test_hostile_text_stays_text(done: Drill, small_plan: LabPlan) -> None:
    trial = replace(done.trials[3], notices=(Notice("api-1", 1.0, HOSTILE),), late=(Late("api-1", HOSTILE),))
    page = drill_html(replace(done, trials=(trial,), fault=HOSTILE), small_plan)
    page.encode("utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "\x1b" not in page
    assert page.count("{{ 7*7 }}") == 3
    rows = drill_rows(replace(done, trials=(replace(trial, notices=(Notice(HOSTILE, 1.0, ""),)),)))
    assert "\x1b" not in rows[0]["noticed"]


def test_the_page_needs_nothing_else_and_runs_nothing(done: Drill, small_plan: LabPlan) -> None:
    page = drill_html(done, small_plan)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert unescape(policy) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "style=" not in page
    assert "prefers-color-scheme: dark" in style
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    used = {word for text in re.findall(r' class="([^"]+)"', page) for word in text.split()}
    styled = set(re.findall(r"\.([a-z][\w-]*)", style))
    assert used - styled <= {"far", "sentence"}
