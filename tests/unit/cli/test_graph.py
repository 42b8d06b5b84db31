"""`graph`: which lab it draws, in what, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgen.engine.state import lab_state
from labgen.errors import EngineMissing
from labgen.plan.model import LabPlan
from labgen.plan.spec import LabSpec
from labgen.render.cuts import CUTS_FILE, cuts_text
from labgen.render.graph.dot import dot
from labgen.render.graph.html import html
from labgen.render.graph.mermaid import mermaid
from labgen.render.graph.model import picture_of
from labgen.render.graph.svg import svg
from tests.unit.cli.program import Program, as_process
from tests.unit.engine.world import container

DRAWERS = {"mermaid": mermaid, "dot": dot, "svg": svg, "html": html}


def remembered(labgen: Program, name: str = "small", **spec: object) -> LabPlan:
    """A lab that runs and is known."""
    plan = labgen.runs(name, **spec)
    state = lab_state(name)
    state.folder.mkdir(parents=True)
    state.remember(LabSpec.model_validate(spec), plan)
    return plan


def healthy(plan: LabPlan) -> dict[str, str]:
    return dict.fromkeys(plan.node_by_name, "healthy")


@pytest.mark.parametrize("style", list(DRAWERS))
def test_a_plan_alone_in_every_format(labgen: Program, small_plan: LabPlan, style: str) -> None:
    ran = labgen("graph", "--size", "small", "--format", style)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == DRAWERS[style](picture_of(small_plan))


def test_a_plan_alone_asks_nobody(tmp_path: Path) -> None:
    """A machine without Docker, also while a lab is known there."""
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "LABGEN_STATE_DIR": str(tmp_path / "state")}
    for arguments in ([], ["--set", "api=2"]):
        ran = as_process("graph", *arguments, **environment)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("flowchart LR\n")
    (tmp_path / "state" / "labs" / "small").mkdir(parents=True)
    assert as_process("graph", "-s", "small", **environment).err == ""


def test_the_name_of_a_plan(labgen: Program) -> None:
    assert "accTitle: lab mine" in labgen("graph", "mine", "--set", "datacenters=2").out
    labgen("graph", "Mine", "--size", "small").refused(
        2,
        "labgen: 'Mine' is not a name for a lab",
        "  Take at most 32 lower-case letters, digits and hyphens, a letter or digit first.",
    )


@pytest.mark.parametrize(
    ("name", "style"),
    [
        *(("a.svg", "svg"), ("a.SVG", "svg"), ("a.html", "html"), ("a.htm", "html"), ("a.dot", "dot")),
        *(("a.gv", "dot"), ("a.mmd", "mermaid"), ("a.mermaid", "mermaid")),
    ],
)
def test_the_output_says_the_format(labgen: Program, small_plan: LabPlan, name: str, style: str) -> None:
    ran = labgen("graph", "--size", "small", "-o", name)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"{name}: 21 nodes, 37 links, 49 documented connections of lab 'small'\n"
    assert (labgen.folder / name).read_text("utf-8") == DRAWERS[style](picture_of(small_plan))


def test_the_option_goes_before_the_name(labgen: Program) -> None:
    labgen("graph", "--size", "small", "-o", "a.svg", "--format", "dot")
    assert (labgen.folder / "a.svg").read_text().startswith('digraph "small" {')


def test_twins(labgen: Program) -> None:
    ran = labgen("graph", LABGEN_SIZE="small", LABGEN_GRAPH_FORMAT="dot", LABGEN_GRAPH_OUTPUT="twin")
    assert (ran.code, ran.out) == (0, "")
    assert (labgen.folder / "twin").read_text().startswith("digraph")
    assert labgen("graph", LABGEN_FORMAT="json").code == 0, "the format of listings is none of a picture's"


def test_a_running_lab_with_the_state_of_its_nodes(labgen: Program) -> None:
    plan = remembered(labgen)
    labgen.world.containers[:] = [
        container("small", name, status="Up 3 minutes (unhealthy)" if name == "m-1" else "Up (healthy)")
        for name in plan.node_by_name
        if name != "ui-1"
    ]
    states = healthy(plan) | {"m-1": "unhealthy", "ui-1": "missing"}
    for arguments in (["graph"], ["graph", "small"]):
        ran = labgen(*arguments, "--format", "svg")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == svg(picture_of(plan, states))


def test_a_lab_with_other_ports_than_the_documented_ones(labgen: Program) -> None:
    remembered(labgen, ports={"https": 9443})
    assert "localhost:9443 → " in labgen("graph", "--format", "svg").out


def test_cut_wires(labgen: Program) -> None:
    plan = remembered(labgen)
    file = lab_state("small").folder / "nodes" / "api-1" / CUTS_FILE
    file.parent.mkdir(parents=True)
    file.write_text(cuts_text(plan, "api-1", ["mysql-1"]))
    cuts = frozenset({("api-1", "mysql-1"), ("mysql-1", "api-1")})
    assert labgen("graph").out == mermaid(picture_of(plan, healthy(plan), cuts))


def test_a_known_lab_without_an_engine(labgen: Program) -> None:
    plan = remembered(labgen)

    def connect() -> None:
        raise EngineMissing("no Docker engine answers at nowhere: gone")

    labgen.monkeypatch.setattr("labgen.engine.client.connect", connect)
    ran = labgen("graph")
    assert (ran.code, ran.out) == (0, mermaid(picture_of(plan)))
    assert ran.err == "without the state of its nodes: no Docker engine answers at nowhere: gone\n"
    ran = labgen("graph", "other")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[1] == "labgen: there is no lab 'other'; there are: small"


def test_no_such_lab(labgen: Program) -> None:
    labgen("graph", "smal").refused(
        2, "labgen: there is no lab 'smal'; there is none", "  `labgen up smal` makes one."
    )
    remembered(labgen)
    labgen("graph", "smal").refused(
        2, "labgen: there is no lab 'smal' (did you mean 'small'?); there are: small"
    )
    remembered(labgen, "other")
    labgen("graph").refused(2, "labgen: there are several labs: other, small", "  Name the one you mean.")


def test_a_lab_whose_plan_is_not_known(labgen: Program) -> None:
    labgen.runs("small")
    file = lab_state("small").folder / "lab.json"
    labgen("graph", "small").refused(
        1,
        f"labgen: the plan of lab 'small' is not known: {file} is missing, incomplete, "
        "or from an older labgen",
        "  `labgen up small` writes it anew, and leaves alone what runs as it should.",
    )


def test_what_cannot_be_drawn(labgen: Program) -> None:
    labgen("graph", "--size", "small", "-o", "a.png").refused(
        2,
        "labgen: --output a.png: its name does not say what to draw",
        "  End it in one of .mmd .mermaid .dot .gv .svg .html .htm, or choose with --format.",
    )
    ran = labgen("graph", "--format", "png")
    assert (ran.code, ran.out) == (2, "")
    assert "'png' is not one of 'mermaid', 'dot', 'svg', 'html'" in ran.err
    labgen("graph", "--size", "small", "-o", "nowhere/a.svg").refused(
        1, "labgen: nowhere/a.svg: cannot be written: No such file or directory", "  Choose another file."
    )
    labgen("graph", "--set", "datacenters=150", "--set", "supernet=10.0.0.0/8", "--format", "svg").refused(
        2,
        "labgen: lab 'small' has 1064 nodes; labgen lays out at most 1000",
        "  Take --format dot or --format mermaid, or draw a smaller lab.",
    )
