"""The rendered small lab, byte for byte, as it was last looked at and found good.

After a change that is meant: `LABGEN_UPDATE_GOLDEN=1 pytest tests/golden` writes the files anew (and
removes those that are no longer rendered); read the difference in git before you commit it.
"""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labgen.render.lab import Rendering

GOLDEN = Path(__file__).resolve().parent / "small"


def recorded() -> dict[str, str]:
    """Return the golden files by their relative path."""
    return {
        str(path.relative_to(GOLDEN)): path.read_text("utf-8") for path in GOLDEN.rglob("*") if path.is_file()
    }


def record(files: dict[str, str]) -> None:
    """Put `files` in the place of all golden files."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for name, text in files.items():
        path = GOLDEN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


def difference(expected: dict[str, str], found: dict[str, str]) -> str:
    """Return a unified diff of two sets of files; empty if they are the same."""
    return "".join(
        line
        for name in sorted(expected.keys() | found.keys())
        for line in difflib.unified_diff(
            expected.get(name, "").splitlines(keepends=True),
            found.get(name, "").splitlines(keepends=True),
            f"golden/{name}" if name in expected else "/dev/null",
            f"rendered/{name}" if name in found else "/dev/null",
        )
    )


def test_small_lab_is_as_recorded(small: Rendering) -> None:
    if os.environ.get("LABGEN_UPDATE_GOLDEN") == "1":
        record(small.files)
    expected = recorded()
    if expected != small.files:
        pytest.fail(
            "the small lab is rendered differently; if it is meant to be:"
            " LABGEN_UPDATE_GOLDEN=1 pytest tests/golden\n" + difference(expected, small.files),
            pytrace=False,
        )


def test_difference_names_file_and_line() -> None:
    """The test above stands or falls with what it prints."""
    found = difference({"a": "one\ntwo\n", "gone": "x\n"}, {"a": "one\n2\n", "new": "y\n"})
    assert found.splitlines() == [
        *("--- golden/a", "+++ rendered/a", "@@ -1,2 +1,2 @@", " one", "-two", "+2"),
        *("--- golden/gone", "+++ /dev/null", "@@ -1 +0,0 @@", "-x"),
        *("--- /dev/null", "+++ rendered/new", "@@ -0,0 +1 @@", "+y"),
    ]
