"""The proof of one lab: all that its rendered files let pass is documented, and the other way round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labgen.errors import InvalidInput
from labgen.verify.proof.compare import Comparison
from labgen.verify.proof.compose import COMPOSE_FILE, Compose, read_compose
from labgen.verify.proof.faults import NotUnderstood
from labgen.verify.proof.findings import Finding, Kind, Proof
from labgen.verify.proof.joined import network_faults
from labgen.verify.proof.nft import RuleSet, read_rules
from labgen.verify.proof.outside import outside
from labgen.verify.proof.reach import crossings, views_of
from labgen.verify.proof.structure import node_faults, published_faults, rule_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from labgen.verify.proof.documented import Documented

__all__ = ["files_of", "prove", "rules_of_nodes"]

_ORDER = {kind: number for number, kind in enumerate(Kind)}


def files_of(folder: Path) -> dict[str, str]:
    """Return the texts of a rendered folder that a proof reads. Raises InvalidInput when it is none."""
    paths = [folder / COMPOSE_FILE, *sorted(folder.glob("nodes/*/*.nft"))]
    try:
        return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{folder}: is no rendered folder: {error}") from error


def prove(files: Mapping[str, str], documented: Documented) -> Proof:
    """Return what of `files` (text by path in the rendered folder) differs from `documented`.

    Only compose.yaml and the rules that it mounts are read. Raises NotUnderstood, with file and line, when
    something in them has no meaning here: then nothing is proved.
    """
    if COMPOSE_FILE not in files:
        raise NotUnderstood(COMPOSE_FILE, 0, "the file is not there")
    compose = read_compose(files[COMPOSE_FILE])
    rules = rules_of_nodes(files, compose)
    comparison = Comparison(documented, compose.members)
    found = list(_differences(compose, rules, documented, comparison))
    return Proof(
        nodes=len(compose.members),
        networks=len(compose.networks),
        rows=len(comparison.rows),
        connections=comparison.connections,
        reachable=comparison.reachable,
        firewall=documented.firewall,
        findings=tuple(sorted(_together(found), key=lambda one: _ORDER[one.kind])),
    )


def rules_of_nodes(files: Mapping[str, str], compose: Compose) -> dict[str, RuleSet | None]:
    """Return the rule set of each node of `compose`; None for one without. Raises NotUnderstood."""
    known: dict[str, RuleSet] = {}
    found: dict[str, RuleSet | None] = {}
    for node in compose.members.values():
        text = files.get(node.rules) if node.rules else None
        # Nodes of one role at one site have the same rules; they are read once.
        if text is not None and text not in known:
            known[text] = read_rules(text, str(node.rules))
        found[node.name] = None if text is None else known[text]
    return found


def _together(findings: Iterable[Finding]) -> list[Finding]:
    """Return `findings` with those that differ in nothing but their ports made one."""
    ports: dict[Finding, dict[str, None]] = {}
    for one in findings:
        ports.setdefault(replace(one, ports=""), {})[one.ports] = None
    return [replace(one, ports=" ".join(spans)) for one, spans in ports.items()]


def _differences(
    compose: Compose,
    rules: Mapping[str, RuleSet | None],
    documented: Documented,
    comparison: Comparison,
) -> Iterator[Finding]:
    yield from node_faults(compose, documented)
    yield from network_faults(compose, documented)
    yield from rule_faults(compose, rules, documented)
    yield from published_faults(compose, documented)
    views = views_of(compose, rules)
    for one in crossings(compose, views, documented.place_of.get):
        yield from comparison.take(one)
    yield from comparison.missing()
    if documented.firewall:
        yield from outside(compose, views, documented)
