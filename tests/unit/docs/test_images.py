"""The pictures of the pages: they are there, and show what labgen draws now.

After a change that is meant, `LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/docs` draws them anew.
"""

from __future__ import annotations

import os
import re

from labgen.plan.model import LabPlan
from labgen.render.graph.model import picture_of
from labgen.render.graph.svg import svg
from tests.unit.docs.pages import ROOT, pages

_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def test_small_lab_is_drawn_as_it_is(small_plan: LabPlan) -> None:
    path = ROOT / "docs" / "images" / "small.svg"
    drawn = svg(picture_of(small_plan))
    if os.environ.get("LABGEN_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn, "utf-8", newline="\n")
    # Not `==` in the assertion: nobody reads the difference of two pictures.
    same = path.read_text("utf-8") == drawn
    assert same, (
        f"{path.relative_to(ROOT)}: LABGEN_UPDATE_GOLDEN=1 pytest tests/unit/docs draws it anew; look at it"
    )


def test_images_are_there_and_say_what_they_show() -> None:
    found = [(page, *one) for page, text in pages().items() for one in _IMAGE.findall(text)]
    assert ("README.md", "docs/images/small.svg") in [(page, target) for page, _, target in found]
    for page, words, target in found:
        assert words, f"{page}: {target} has no description"
        assert ((ROOT / page).parent / target).is_file(), f"{page}: {target}"
    shown = {((ROOT / page).parent / target).resolve() for page, _, target in found}
    assert set((ROOT / "docs" / "images").iterdir()) == shown
