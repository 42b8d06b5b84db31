"""`make bench`: measures labgen, side by side with what it is compared to, and writes docs/performance.md.

    python -m tests.bench            everything but the cold build of the images
    python -m tests.bench --cold     that as well (some minutes, and the network)
    python -m tests.bench --only down    one part; the other lines of the page stay

Whoever runs it gets figures of their own machine; a test never asserts a time.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import curve, images, lab, program, verification, work
from tests.bench.figures import Figure, merged, table

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_CURVE = _PAGE.parent / "images" / "curve.svg"
_HEAD = """\
# Performance

What `make bench` measured on the machine named below. A ratio compares two things that were measured
side by side in the same run, which is what makes it worth reading on another machine. The aim is what
the project holds itself to, on two processors.

"""


_FOOT = """
## What a node costs

![Milliseconds for each node](images/curve.svg)

Labs upon the size `large` with more and more datacenters and regions, planned and rendered in one process,
the best of three each: what else the machine does only ever adds.
"""


def _curve() -> list[Figure]:
    points = curve.measure()
    _CURVE.write_text(curve.curve_svg(points), "utf-8")
    return [curve.curve_figure(points)]


def main() -> None:
    """Measure everything and write the page, or one part and write its lines anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cold", action="store_true", help="build every image from nothing as well")
    with tempfile.TemporaryDirectory(prefix="labgen-bench-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "program": program.figures,
            "curve": _curve,
            "lab": lambda: lab.figures(folder),
            "down": lambda: lab.ending(folder),
            "verify": verification.figures,
            "work": work.figures,
            "images": lambda: images.figures(cold=chosen.cold),
        }
        parser.add_argument("--only", choices=parts, help="measure one part; the rest of the page stays")
        chosen = parser.parse_args()
        os.environ["LABGEN_STATE_DIR"] = name
        if chosen.only:
            figures = parts[chosen.only]()
            page = merged(_PAGE.read_text("utf-8"), figures)
        else:
            machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
            figures = [one for part in parts.values() for one in part()]
            page = f"{_HEAD}{table(figures)}\nMeasured on {machine}.\n{_FOOT}"
    _PAGE.write_text(page, "utf-8")
    print(table(figures))


if __name__ == "__main__":
    main()
