"""The page of figures: a part that is measured anew replaces its lines, and the curve is a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.bench.curve import Point, curve_figure, curve_svg
from tests.bench.figures import Figure, merged, table

POINTS = [Point(107, 0.2), Point(1000, 2.1), Point(5017, 10.0)]


def test_a_part_replaces_its_lines() -> None:
    page = "# Title\n\n" + table([Figure("a lab of 306 nodes", "1 s", "2 s"), Figure("other", "x", "y")])
    page += "\nMeasured here.\n"
    after = merged(page, [Figure("a lab of 1,210 nodes", "3 s", "2 s"), Figure("new", "n", "m")])
    assert after == page.replace("| a lab of 306 nodes | 1 s |", "| a lab of 1,210 nodes | 3 s |").replace(
        "| other | x | y |\n", "| other | x | y |\n| new | n | m |\n"
    )


def test_the_curve_is_a_picture_of_every_point() -> None:
    picture = ET.fromstring(curve_svg(POINTS))  # noqa: S314 - ours
    space = "{http://www.w3.org/2000/svg}"
    dots = picture.findall(f"{space}circle")
    across = [float(one.attrib["cx"]) for one in dots]
    heights = [float(one.attrib["cy"]) for one in dots]
    assert across == sorted(across)
    assert heights[1] < heights[2] < heights[0], "2.1 ms a node is above 1.99 and 1.87"
    said = {one.text for one in picture.findall(f"{space}text")}
    assert {"107", "1,000", "5,017", "1.87", "2.10", "1.99", "0"} <= said
    assert "<script" not in curve_svg(POINTS)


def test_the_figure_names_both_ends() -> None:
    assert curve_figure(POINTS).measured == "10.0 s, 2.0 ms a node (1.9 ms of 107)"
