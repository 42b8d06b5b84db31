"""JUnit XML: what differs fails, what broke is an error, what was cut is skipped; only the rest passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml

from labgen.verify.report.junit import junit_of
from labgen.verify.table import Cell, Difference, Kind, Outcome, State, TruthTable
from tests.unit.verify.tables import HOSTILE, cut, every_kind, planted

#: Order of what a test case may hold (JUnit.xsd, windyroad).
RESULTS = {"failure", "error", "skipped"}


def suites(table: TruthTable) -> list[ET.Element]:
    root = ET.fromstring(junit_of(table))  # noqa: S314 - our own
    assert root.tag == "testsuites"
    return list(root)


def cases(table: TruthTable) -> dict[tuple[str, str], ET.Element]:
    found = [(suite.get("name", ""), case) for suite in suites(table) for case in suite.iter("testcase")]
    by_name = {(suite, case.get("name", "")): case for suite, case in found}
    assert len(by_name) == len(found)
    return by_name


def result(case: ET.Element) -> str:
    (tag, *more) = [one.tag for one in case if one.tag in RESULTS] or ["passed"]
    assert not more
    return tag


def changed(table: TruthTable, pair: tuple[str, str], *, state: State, outcome: Outcome) -> TruthTable:
    def each() -> Iterator[Cell]:
        for cell in table.cells:
            if (cell.source, cell.destination) == pair:
                dialogues = tuple(replace(one, outcome=outcome, evidence="why") for one in cell.dialogues)
                yield replace(cell, state=state, dialogues=dialogues)
            else:
                yield cell

    return replace(table, cells=tuple(each()))


@pytest.mark.parametrize("name", ["good", "every"])
def test_it_has_the_shape_that_others_read(name: str, request: pytest.FixtureRequest) -> None:
    table = request.getfixturevalue(name)
    root = ET.fromstring(junit_of(table))  # noqa: S314 - our own
    for suite in (root, *root):
        parts = list(suite.iter("testcase"))
        assert int(suite.get("tests", "")) == len(parts)
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(key, "")) == sum(one.find(tag) is not None for one in parts)
        assert float(suite.get("time", "")) >= 0
    for suite in root:
        tags = [one.tag for one in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 1)]
        for case in suite.iter("testcase"):
            assert {"name", "classname", "time"} == set(case.attrib)
            inner = [one.tag for one in case]
            assert inner in ([], ["system-out"], *([one] for one in RESULTS)) or (
                len(inner) == 2 and set(inner) - RESULTS == {"system-out"}
            )


def test_the_library_reads_it_back(every: TruthTable) -> None:
    found = JUnitXml.fromstring(junit_of(every).encode())
    assert (found.tests, found.failures, found.errors, found.skipped) == (583, 10, 2, 1)
    assert found.time == 2.64


def test_a_healthy_lab_passes(good: TruthTable) -> None:
    found = cases(good)
    assert {result(case) for case in found.values()} == {"passed"}
    assert [suite.get("name") for suite in suites(good)] == [node.name for node in good.nodes]
    assert found["dc1-rs-1", "22 redis 6379/tcp -> dc1-redis-1"].get("time") == "0.0025"
    assert "monitoring" in found["dc1-rs-1", "22 redis 6379/tcp -> dc1-redis-1"].findtext("system-out", "")
    assert found["api-1", "nothing else -> ui-1"].findtext("system-out") == "110 refused, 2 timeout"
    dialogues = sum(len(cell.dialogues) for cell in good.cells)
    checks = sum(len(node.checks) for node in good.nodes)
    assert len(found) == dialogues + len(good.cells) + checks


def test_what_differs_fails(every: TruthTable) -> None:
    found = cases(every)
    wrong = {name: result(case) for name, case in found.items() if result(case) != "passed"}
    assert wrong == {
        ("api-1", "13 redis 6379/tcp -> redis-1"): "failure",
        ("api-1", "16 http 8009/tcp -> dc1-rs-1"): "skipped",
        ("api-1", "no difference: network"): "failure",
        ("ui-1", "nothing else -> mysql-1"): "failure",
        ("ui-1", "nothing else -> rabbitmq-1"): "failure",
        ("m-1", "10 mysql 3306/tcp -> mysql-1"): "failure",
        ("m-1", "no difference: ipv6"): "failure",
        ("novnc-1", "no difference: rules"): "failure",
        ("dc1-nfs-1", "no difference: listener"): "failure",
        ("dc1-bpm-1", "no difference: node"): "failure",
        ("dc1-guest-1", "no difference: escape"): "failure",
        ("pcr1-prs-1", "42 ec2 443/tcp -> pcr1-cloud-1"): "error",
        ("pcr1-prs-1", "nothing else -> pcr1-cloud-1"): "error",
    }
    failure = found["api-1", "13 redis 6379/tcp -> redis-1"].find("failure")
    assert failure is not None
    assert failure.attrib == {
        "message": "api-1 -> redis-1 redis-1:6379/tcp: expected redis spoken; found refused",
        "type": "connection",
    }
    assert failure.text == (
        "connection: api-1 -> redis-1 redis-1:6379/tcp\n"
        "  expected redis spoken; found refused\n"
        "  row 13\n"
        "  seen: connection refused"
    )


def test_several_at_one_place_are_one_failure(good: TruthTable) -> None:
    found = [
        Difference(Kind.PROBE, "ui-1", "mysql-1", "22/tcp", "an answer", "none"),
        *(Difference(Kind.PORT, "ui-1", "mysql-1", f"{port}/tcp", "refused", "open") for port in (80, 3306)),
    ]
    case = cases(planted(good, *found))["ui-1", "nothing else -> mysql-1"]
    failure = case.find("failure")
    assert result(case) == "failure"
    assert failure is not None
    assert failure.get("message") == "ui-1 -> mysql-1 80/tcp: expected refused; found open (and 2 more)"
    assert (failure.text or "").count("expected") == 3


@pytest.mark.parametrize(
    ("state", "outcome", "spoken", "rest"),
    [
        (State.SPOKEN, Outcome.OPEN, "passed", "passed"),
        (State.UNMEASURED, Outcome.FAILED, "error", "error"),
        (State.MISSING, Outcome.REFUSED, "failure", "passed"),
        (State.SPOKEN, Outcome.FAILED, "error", "passed"),
    ],
)
def test_nothing_unmeasured_passes(
    good: TruthTable, state: State, outcome: Outcome, spoken: str, rest: str
) -> None:
    """A table can say so without a difference at the pair: it is told once, at the source."""
    found = cases(changed(good, ("api-1", "redis-1"), state=state, outcome=outcome))
    assert result(found["api-1", "13 redis 6379/tcp -> redis-1"]) == spoken
    assert result(found["api-1", "nothing else -> redis-1"]) == rest


def test_what_was_cut_is_skipped_and_the_rest_of_its_pair_is_not(good: TruthTable) -> None:
    found = cases(cut(good, ("api-1", "redis-1")))
    assert Counter(map(result, found.values())) == {"passed": len(found) - 1, "skipped": 1}
    assert result(found["api-1", "13 redis 6379/tcp -> redis-1"]) == "skipped"


def test_any_text_is_valid_xml(good: TruthTable) -> None:
    found = cases(every_kind(good, HOSTILE))
    text = found["ui-1", "nothing else -> mysql-1"].findtext("failure", "")
    assert (
        "</script><img src=x onerror=alert(1)>\\x1b[31m\\x00\\u202e]]>&amp;\"'\\ud800{{ 7*7 }}\\ufffe" in text
    )


def test_lines_of_evidence_stay_lines(good: TruthTable) -> None:
    found = cases(every_kind(good, "one\ntwo"))
    assert "seen: one\ntwo" in found["ui-1", "nothing else -> mysql-1"].findtext("failure", "")
