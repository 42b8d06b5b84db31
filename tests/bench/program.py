"""The program itself: its start, its completion, planning and rendering."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from labgen.assets import images_dir, templates_dir
from labgen.catalogue.load import default_catalogue
from labgen.images import image_tags
from labgen.plan.build import make_plan
from labgen.plan.parse import parse_spec
from labgen.render.lab import render_lab
from tests.bench.figures import Figure, interleaved, seconds

_ROUNDS = 9
_EMPTY = """\
import typer
app = typer.Typer()
@app.command()
def hello(name: str = "x") -> None:
    "Say hello."
app()
"""


def figures() -> list[Figure]:
    """Measure the start against a Typer program that does nothing, and the pure stages."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(_EMPTY)
        python = sys.executable
        program = str(Path(python).with_name("labgen"))
        help_ = interleaved(_run([program, "--help"]), _run([python, str(empty), "--help"]), _ROUNDS)
        complete = interleaved(
            _run([program], _completion("_LABGEN_COMPLETE", "labgen st")),
            _run([python, str(empty)], _completion("_EMPTY_PY_COMPLETE", "empty.py st")),
            _ROUNDS,
        )
    return [
        Figure("`labgen --help` against an empty Typer program", _ratio(*help_), "at most 1.5"),
        Figure("completion against an empty Typer program", _ratio(*complete), "at most 1.5"),
        _pure_stages(),
    ]


def _ratio(first: float, second: float) -> str:
    return f"{first / second:.2f} ({first:.2f} s against {second:.2f} s)"


def _run(call: list[str], more: dict[str, str] | None = None) -> Callable[[], object]:
    environment = {**os.environ, **(more or {})}
    return lambda: subprocess.run(call, env=environment, check=False, capture_output=True)


def _completion(variable: str, words: str) -> dict[str, str]:
    return {variable: "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "1"}


def _pure_stages() -> Figure:
    """Plan and render a lab of 306 nodes, in a process that has done it once."""
    catalogue = default_catalogue()
    spec = parse_spec(catalogue, sets=["datacenters=41", "supernet=10.192.0.0/11", "client=6"])
    tags = image_tags(images_dir())

    def both() -> int:
        plan = make_plan(catalogue, spec, "bench")
        render_lab(plan, templates_dir(), tags)
        return len(plan.nodes)

    nodes = both()
    best = min(seconds(both) for _ in range(5))
    return Figure(f"plan and render of a lab of {nodes} nodes", f"{best:.2f} s", "at most 0.6 s")
