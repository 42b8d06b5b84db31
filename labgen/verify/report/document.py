"""A truth table as a document for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgen.verify.report.tally import tally_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labgen.verify.table import Cell, Dialogue, Difference, NodeReport, TruthTable

__all__ = ["document_of"]


def document_of(table: TruthTable) -> dict[str, Any]:
    """Return everything in `table`, for `--format json`. Every key is always there; texts may be empty.

    - `lab`, `size`, `only`: text; `firewall`: whether the lab was made with one
    - `equal`: exactly as planned, every question answered; `measured`: false when nothing but broken probes
      keeps it from that
    - `asked`: how many questions; `seconds`: the time of the measurement
    - `counts`: `nodes` (without this machine), `pairs`, `documented` (connections), `spoken`, `cut`, `closed`
      (questions), `differences` and `broken` (probes), and `states`: ordered pairs by state
    - `cuts`: a list of `source`, `destination`
    - `differences`: a list of `kind`, `source`, `destination` (empty: the source alone), `question`,
      `expected`, `found`, `connection` (the document row or rows, empty: none), `evidence`
    - `nodes`: a list of `name`, `role`, `site`, `actor`, `enforced`, `checks` (a list of `title`, `seen`) and
      `differences` (as above, those of the node itself)
    - `cells`: a list of `source`, `destination`, `state`, `dialogues` (a list of `connection`, `protocol`,
      `ports`, `provenance`, `reference`, `purpose`, `outcome`, `evidence`, `ms`), `closed` (number of
      questions by outcome) and `differences` (as above, those of the pair)

    The differences at the top are those of all nodes and cells.
    """
    return {
        "lab": table.lab,
        "size": table.size,
        "firewall": table.firewall,
        "only": table.only,
        "equal": table.equal,
        "measured": table.measured,
        "asked": table.asked,
        "seconds": round(table.seconds, 3),
        "counts": _counts(table),
        "cuts": [{"source": source, "destination": destination} for source, destination in table.cuts],
        "differences": _differences(table.differences),
        "nodes": [_node(one) for one in table.nodes],
        "cells": [_cell(one) for one in table.cells],
    }


def _counts(table: TruthTable) -> dict[str, Any]:
    tally = tally_of(table)
    return {
        "nodes": tally.nodes,
        "pairs": tally.pairs,
        "documented": tally.documented,
        "spoken": tally.spoken,
        "cut": tally.cut,
        "closed": tally.closed,
        "differences": tally.differences,
        "broken": tally.broken,
        "states": {str(state): number for state, number in tally.states.items()},
    }


def _node(one: NodeReport) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": one.role,
        "site": one.site,
        "actor": one.actor,
        "enforced": one.enforced,
        "checks": [{"title": title, "seen": seen} for title, seen in one.checks],
        "differences": _differences(one.differences),
    }


def _cell(one: Cell) -> dict[str, Any]:
    return {
        "source": one.source,
        "destination": one.destination,
        "state": str(one.state),
        "dialogues": [_dialogue(dialogue) for dialogue in one.dialogues],
        "closed": {str(outcome): number for outcome, number in one.closed},
        "differences": _differences(one.differences),
    }


def _dialogue(one: Dialogue) -> dict[str, Any]:
    return {
        "connection": one.connection,
        "protocol": one.protocol,
        "ports": one.ports,
        "provenance": one.provenance,
        "reference": one.reference,
        "purpose": one.purpose,
        "outcome": str(one.outcome),
        "evidence": one.evidence,
        "ms": round(one.ms, 3),
    }


def _differences(found: Iterable[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "kind": str(one.kind),
            "source": one.source,
            "destination": one.destination,
            "question": one.question,
            "expected": one.expected,
            "found": one.found,
            "connection": one.connection,
            "evidence": one.evidence,
        }
        for one in found
    ]
