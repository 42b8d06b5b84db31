"""What a node costs in labs of more and more nodes: planned, rendered, and drawn as a picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.images import image_tags
from labgen.plan.build import make_plan
from labgen.plan.parse import parse_spec
from labgen.render.lab import render_lab
from tests.bench.figures import Figure

__all__ = ["Point", "curve_figure", "curve_svg", "measure"]

#: Sites of each kind upon the size `large`: from a hundred nodes to five thousand.
_SITES = (5, 15, 45, 90, 180, 455)
_ROUNDS = 3
_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 44, 48
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333; }
.title { font-weight: 600; font-size: 14px; }
.axis { stroke: #999; } .grid { stroke: #ddd; }
.line { fill: none; stroke: #1763a6; stroke-width: 2; } .dot { fill: #1763a6; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; } .axis { stroke: #777; } .grid { stroke: #444; }
  .line { stroke: #6cb2f0; } .dot { fill: #6cb2f0; }
}
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A lab of so many nodes, and the seconds that its plan and its rendering took."""

    nodes: int
    seconds: float

    @property
    def each(self) -> float:
        """Milliseconds for each node."""
        return self.seconds / self.nodes * 1000


def measure() -> list[Point]:
    """Plan and render each lab some times; what else the machine does only ever adds, so the best counts."""
    catalogue, tags = default_catalogue(), image_tags(images_dir())
    found = []
    for sites in _SITES:
        sets = [f"datacenters={sites}", f"regions={sites}", "supernet=10.0.0.0/8"]
        spec = parse_spec(catalogue, sets=sets, size="large")
        best, nodes = float("inf"), 0
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            plan = make_plan(catalogue, spec, "bench")
            render_lab(plan, templates_dir(), tags)
            best, nodes = min(best, time.perf_counter() - began), len(plan.nodes)
        found.append(Point(nodes, best))
    return found


def curve_figure(points: Sequence[Point]) -> Figure:
    """Return the largest lab, and what a node costs in the smallest and in that."""
    first, last = points[0], points[-1]
    return Figure(
        f"plan and render of a lab of {last.nodes:,} nodes ([the curve](#what-a-node-costs))",
        f"{last.seconds:.1f} s, {last.each:.1f} ms a node ({first.each:.1f} ms of {first.nodes:,})",
        "at most 10 s, flat",
    )


def curve_svg(points: Sequence[Point]) -> str:
    """Return the milliseconds of a node over the number of nodes, the latter by powers of ten."""
    low, high = log10(points[0].nodes), log10(points[-1].nodes)
    top = _round_up(max(one.each for one in points) * 1.2)

    def across(nodes: float) -> float:
        return _LEFT + (log10(nodes) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def down(each: float) -> float:
        return _HEIGHT - _BOTTOM - each / top * (_HEIGHT - _TOP - _BOTTOM)

    title = "Plan and render: milliseconds for each node"
    floor = down(0)
    right, middle = _WIDTH - _RIGHT, _WIDTH / 2
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    parts = [
        f'{svg} aria-labelledby="title"><title id="title">{title}</title><style>{_STYLE}</style>',
        f'<text class="title" x="{_LEFT}" y="22">{title}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        y = f"{down(value):.1f}"
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{value:g}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{floor:.1f}" y2="{floor:.1f}"/>')
    places = [(f"{across(one.nodes):.1f}", f"{down(one.each):.1f}", one) for one in points]
    parts.append(f'<polyline class="line" points="{" ".join(f"{x},{y}" for x, y, _ in places)}"/>')
    for x, y, one in places:
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>')
        parts.append(f'<text x="{x}" y="{y}" dy="-10" text-anchor="middle">{one.each:.2f}</text>')
        parts.append(f'<text x="{x}" y="{floor:.1f}" dy="20" text-anchor="middle">{one.nodes:,}</text>')
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">nodes of the lab</text></svg>')
    return "\n".join(parts) + "\n"


def _round_up(value: float) -> float:
    """Return the next number whose fourths are short to write."""
    step = 10 ** (ceil(log10(value)) - 1)
    return float(ceil(value / (4 * step)) * 4 * step)
