"""Rendered labs to prove, random ones in numbers, and hands that plant a fault in their texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from ipaddress import IPv4Network
from random import Random

from labgen.assets import images_dir, templates_dir
from labgen.plan.spec import LabSpec, SiteSpec
from labgen.render.lab import render_lab
from labgen.verify.proof.documented import document
from labgen.verify.proof.findings import Proof
from labgen.verify.proof.prove import prove
from tests.unit.plan.specs import BUILDABLE, CATALOGUE, plan_of

__all__ = [
    "COMPOSE",
    "Files",
    "Plant",
    "in_network",
    "in_service",
    "new_rule",
    "on_rule",
    "proof_of",
    "random_spec",
    "rendered",
    "replaced",
    "rules",
    "usable",
]

COMPOSE = "compose.yaml"
Files = dict[str, str]
Plant = Callable[[Files], None]
#: Where the documents know several ways, those that a user may choose.
_CHOICES = {
    topic: sorted(one.choices.keys() - one.data_only)
    for topic, one in CATALOGUE.variants.items()
    if len(one.choices.keys() - one.data_only) > 1
}
_PAIRS = sorted({(row.source, row.destination) for row in CATALOGUE.connections if CATALOGUE.realisable(row)})
_ROLES = sorted(role for roles in BUILDABLE.values() for role in roles)


@cache
def _images() -> dict[str, str]:
    return {path.parent.name: f"labgen/{path.parent.name}:test" for path in images_dir().glob("*/Dockerfile")}


def rendered(spec: LabSpec) -> Files:
    """Return the files of a lab as labgen would write them."""
    return dict(render_lab(plan_of(spec), templates_dir(), _images()).files)


def proof_of(files: Files, spec: LabSpec) -> Proof:
    """Return what the proof makes of `files`, against the documents that ship."""
    return prove(files, document(CATALOGUE, spec))


def usable(spec: LabSpec) -> LabSpec:
    """Return `spec` without choices that are documented, and that no server of ours has."""
    kept = {
        topic: choice
        for topic, choice in spec.variants.items()
        if choice not in CATALOGUE.variants[topic].data_only
    }
    return spec.model_copy(update={"variants": kept})


def random_spec(rng: Random) -> LabSpec:
    """Return a lab of a few roles, at least two of which a row joins; anything else of it by chance."""
    # Sorted: Python orders sets anew in every process.
    roles = sorted({*rng.choice(_PAIRS), *rng.sample(_ROLES, rng.randint(0, 2))})
    datacenters, regions = rng.choice([0, 1, 1, 1, 2]), rng.choice([0, 1, 1, 2])
    sites = {}
    if datacenters and rng.random() < 0.3:
        sites["dc1"] = SiteSpec(counts={rng.choice(BUILDABLE_IN_DATACENTER): rng.randint(0, 3)})
    return LabSpec(
        datacenters=datacenters,
        regions=regions,
        counts=dict.fromkeys(_ROLES, 0)
        | {role: rng.choice([1, 1, 1, 2, 2, 7]) for role in roles}
        | {"client": 1},
        sites=sites,
        supernet=rng.choice([None, IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/14")]),
        images={role: "vendor/server:1" for role in roles if rng.random() < 0.1},
        firewall=rng.random() > 0.1,
        variants={topic: rng.choice(choices) for topic, choices in _CHOICES.items() if rng.random() < 0.3},
    )


BUILDABLE_IN_DATACENTER = next(roles for scope, roles in BUILDABLE.items() if scope == "datacenter")


def rules(node: str) -> str:
    """Return the path of a node's rules."""
    return f"nodes/{node}/firewall.nft"


def replaced(path: str, before: str, after: str) -> Plant:
    """Return a hand that puts `after` in the place of the first `before` of a file."""

    def plant(files: Files) -> None:
        assert before in files[path], f"{path}: {before}"
        files[path] = files[path].replace(before, after, 1)

    return plant


def in_service(node: str, before: str, after: str) -> Plant:
    """Return a hand that replaces in one service of compose.yaml."""
    return _in_block("services", node, before, after)


def in_network(name: str, before: str, after: str) -> Plant:
    """Return a hand that replaces in one network of compose.yaml."""
    return _in_block("networks", name, before, after)


def _in_block(section: str, name: str, before: str, after: str) -> Plant:
    def plant(files: Files) -> None:
        text = files[COMPOSE]
        start = text.index(f"\n  {name}:\n", text.index(f"\n{section}:\n"))
        found = re.compile(r"\n {0,2}\S").search(text, start + 1)
        end = found.start() if found else len(text)
        block = text[start:end]
        assert before in block, f"{section}.{name}: {before}"
        files[COMPOSE] = text[:start] + block.replace(before, after, 1) + text[end:]

    return plant


def on_rule(node: str, row: str, before: str, after: str) -> Plant:
    """Return a hand that replaces a pattern in the first rule of `node` whose comment is `row`."""

    def plant(files: Files) -> None:
        lines = files[rules(node)].splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if f'comment "{row}"' in line)
        changed = re.sub(before, after, lines[at], count=1, flags=re.DOTALL)
        assert changed != lines[at], lines[at]
        files[rules(node)] = "".join([*lines[:at], changed, *lines[at + 1 :]])

    return plant


def new_rule(node: str, chain: str, line: str, *, first: bool = False) -> Plant:
    """Return a hand that adds a rule to a chain of `node`, at its beginning or before it refuses the rest."""

    def plant(files: Files) -> None:
        head, text = files[rules(node)].split(f"  chain {chain} {{\n", 1)
        before = "    ct state" if first else "    meta l4proto"
        files[rules(node)] = f"{head}  chain {chain} {{\n" + text.replace(before, f"    {line}\n{before}", 1)

    return plant
