"""What the pages have from the program and the catalogue is what these have now."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from labgen.cli.lifecycle import _summary
from labgen.engine.up import UpResult
from labgen.plan.model import LabPlan
from tests.unit.docs.blocks import BLOCK, made, refreshed
from tests.unit.docs.pages import ROOT, fences, matches, pages
from tests.unit.docs.program import commands


@pytest.mark.parametrize("page", sorted(pages()))
def test_generated_parts_are_up_to_date(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    if os.environ.get("LABGEN_UPDATE_GOLDEN") == "1":
        text = refreshed(text)
        (ROOT / page).write_text(text, "utf-8")
    stale = [one["name"] for one in BLOCK.finditer(text) if one["text"] != made(one["name"])]
    assert not stale, f"{page}: LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/docs writes {stale} anew"
    assert text.count("<!-- generated: ") == text.count("<!-- end -->") == len(BLOCK.findall(text))


def test_every_command_is_described() -> None:
    described = re.findall(r"^## (labgen .+)$", pages()["docs/commands.md"], re.MULTILINE)
    assert described == [f"labgen {name}" for name in commands()]
    held = [one["name"] for one in BLOCK.finditer(pages()["docs/commands.md"])]
    assert held == described


@pytest.mark.parametrize(
    ("page", "part"),
    [
        ("README.md", "commands"),
        ("docs/lab-yaml.md", "keys"),
        ("docs/lab-yaml.md", "variants"),
        ("docs/platform.md", "servers"),
        ("docs/platform.md", "roles without a server"),
        ("docs/platform.md", "connections of the small lab"),
        ("docs/platform.md", "other connections"),
    ],
)
def test_part_is_on_its_page(page: str, part: str) -> None:
    assert part in {one["name"] for one in BLOCK.finditer(pages()[page])}


def test_readme_shows_what_up_prints_at_the_end(
    small_plan: LabPlan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABGEN_STATE_DIR", "/home/you/.local/state/labgen")
    _summary(UpResult(small_plan, 14.2), waited=True)
    out, err = capsys.readouterr()
    (shown,) = [one for one in fences("text") if one.page == "README.md"]
    assert matches(shown.text, f"{err}{out}"), f"{shown.id} shows something else than\n{err}{out}"


def test_performance_page_is_left_to_the_benchmark() -> None:
    page = Path(ROOT / "docs" / "performance.md")
    assert not page.exists() or "<!-- generated" not in page.read_text("utf-8")
