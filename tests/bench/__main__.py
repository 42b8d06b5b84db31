"""`make bench`: measures labgen, side by side with what it is compared to, and writes docs/performance.md.

    python -m tests.bench            everything but the cold build of the images
    python -m tests.bench --cold     that as well (some minutes, and the network)

Whoever runs it gets figures of their own machine; a test never asserts a time.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from tests.bench import images, lab, program, verification, work
from tests.bench.figures import Figure, table

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_HEAD = """\
# Performance

What `make bench` measured on the machine named below. A ratio compares two things that were measured
side by side in the same run, which is what makes it worth reading on another machine. The aim is what
the project holds itself to, on two processors.

"""


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cold", action="store_true", help="build every image from nothing as well")
    chosen = parser.parse_args()
    figures: list[Figure] = [*program.figures()]
    with tempfile.TemporaryDirectory(prefix="labgen-bench-") as folder:
        os.environ["LABGEN_STATE_DIR"] = folder
        figures += lab.figures(Path(folder))
        figures += verification.figures()
        figures += work.figures()
        figures += images.figures(cold=chosen.cold)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    page = f"{_HEAD}{table(figures)}\nMeasured on {machine}.\n"
    _PAGE.write_text(page, "utf-8")
    print(page)


if __name__ == "__main__":
    main()
