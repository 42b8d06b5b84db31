"""`labgen plan --prove`: renders a lab in memory and proves what its files let pass. Needs no engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgen.cli.options import Format
from labgen.cli.output import print_json, print_text

if TYPE_CHECKING:
    from labgen.plan.spec import LabSpec
    from labgen.verify.proof.findings import Proof

__all__ = ["prove_lab"]


def prove_lab(name: str, spec: LabSpec, style: Format) -> None:
    """Print whether exactly what is documented passes in the lab `name`, every difference first.

    Raises Difference when there is one.
    """
    from labgen.assets import images_dir, templates_dir
    from labgen.catalogue.load import default_catalogue
    from labgen.errors import Difference
    from labgen.images import image_tags
    from labgen.plan.build import make_plan
    from labgen.render.lab import render_lab
    from labgen.verify.proof.documented import document
    from labgen.verify.proof.prove import prove

    catalogue = default_catalogue()
    plan = make_plan(catalogue, spec, name)
    rendering = render_lab(plan, templates_dir(), image_tags(images_dir()))
    proof = prove(rendering.files, document(catalogue, spec))
    if style is Format.JSON:
        print_json({"lab": name, "size": spec.size, **_facts(proof)})
    else:
        print_text("\n".join([*map(str, proof.findings), *([proof.statement] if proof.equal else [])]))
    if not proof.equal:
        raise Difference(proof.statement, "The files that labgen would write are not what the documents say.")


def _facts(proof: Proof) -> dict[str, Any]:
    return {
        "proved": proof.equal,
        "statement": proof.statement,
        "firewall": proof.firewall,
        "nodes": proof.nodes,
        "pairs": proof.pairs,
        "networks": proof.networks,
        "rows": proof.rows,
        "connections": proof.connections,
        "differences": [
            {
                "kind": str(one.kind),
                "source": one.source,
                "destination": one.destination,
                "connection": one.row,
                "ports": one.ports,
                "pairs": one.pairs,
                "where": one.where,
                "text": one.text,
            }
            for one in proof.findings
        ],
    }
