"""The picture of a lab: nodes grouped by site, an arrow for each pair with a documented connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan, Node

__all__ = ["diagram"]

_TITLES = {"platform": "platform", "datacenter": "datacenter {}", "region": "public cloud region {}"}


def diagram(plan: LabPlan) -> str:
    """Return `plan` as a Mermaid flowchart. Same plan, same text."""
    lines = ["flowchart LR"]
    for site in plan.sites:
        mine = [node for node in plan.nodes if node.site == site.name]
        inner = [node for node in mine if not node.actor]
        outer = [node for node in mine if node.actor]
        title = _TITLES[site.scope.value].format(site.name)
        lines += _group(site.name, title, inner)
        lines += _group(f"{site.name}-outside", f"outside ({site.name})", outer)
    lines += [
        f"    {source} -->|{label}| {destination}" for (source, destination), label in _arrows(plan).items()
    ]
    actors = [node.name for node in plan.nodes if node.actor]
    if actors:
        lines += ["    classDef outside stroke-dasharray: 4 3", f"    class {','.join(actors)} outside"]
    return "\n".join(lines) + "\n"


def _group(name: str, title: str, nodes: list[Node]) -> list[str]:
    if not nodes:
        return []
    members = [f"        {node.name}[{node.name}]" for node in nodes]
    return [f'    subgraph {name}-site["{title}"]', *members, "    end"]


def _arrows(plan: LabPlan) -> dict[tuple[str, str], str]:
    """Return each pair of nodes, source first, with what is spoken between them."""
    spoken: dict[tuple[str, str], list[str]] = {}
    for node in plan.nodes:
        for one in plan.neighbours(node):
            spoken.setdefault((node.name, one.node.name), []).append(one.connection.protocol)
    return {pair: " ".join(dict.fromkeys(protocols)) for pair, protocols in spoken.items()}
