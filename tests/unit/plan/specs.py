"""Random labs, and what the documents say about one, computed the slow and simple way.

Nothing here uses labgen.plan: `documented` goes through every ordered pair of nodes and every row of
the catalogue, so that it can disagree with the plan.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from labgen.catalogue.load import default_catalogue
from labgen.catalogue.model import Scope
from labgen.plan.build import make_plan
from labgen.plan.spec import LabSpec, SiteSpec

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan, Node

__all__ = ["BUILDABLE", "documented", "lab_specs", "plan_of", "variants", "wide_specs"]

CATALOGUE = default_catalogue()
#: Roles that labgen has a server for, by the kind of their site.
BUILDABLE = {
    scope: sorted(role.id for role in CATALOGUE.roles.values() if role.scope is scope and role.template)
    for scope in Scope
}
_SITE_SCOPES = {"dc": Scope.DATACENTER, "pcr": Scope.REGION}


def variants() -> st.SearchStrategy[dict[str, str]]:
    """Return any choice for any of the variants."""
    return st.fixed_dictionaries(
        {},
        optional={topic: st.sampled_from(sorted(one.choices)) for topic, one in CATALOGUE.variants.items()},
    )


@st.composite
def lab_specs(draw: st.DrawFn, most: int = 18) -> LabSpec:
    """Return a lab of at least one node, up to `most` nodes of one role, up to four sites of a kind."""
    # Most counts are small; a large one makes a subnet larger than the smallest.
    count = st.one_of(st.integers(0, min(3, most)), st.integers(0, most))
    counts = {
        role: draw(count)
        for scope in Scope
        for role in draw(st.sets(st.sampled_from(BUILDABLE[scope]), max_size=4))
    }
    datacenters, regions = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    names = [f"dc{n}" for n in range(1, datacenters + 1)] + [f"pcr{n}" for n in range(1, regions + 1)]
    sites = {}
    for name in draw(st.sets(st.sampled_from(names), max_size=2)) if names else ():
        roles = BUILDABLE[_SITE_SCOPES[name.rstrip("0123456789")]]
        sites[name] = SiteSpec(counts=draw(st.dictionaries(st.sampled_from(roles), count, max_size=3)))
    return LabSpec(
        size="small",
        datacenters=datacenters,
        regions=regions,
        counts=counts | {"client": 1},
        sites=sites,
        supernet=draw(st.sampled_from([None, IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/14")])),
        variants=draw(variants()),
    )


@st.composite
def wide_specs(draw: st.DrawFn) -> LabSpec:
    """Return a lab upon any size, of up to twelve sites of a kind and nine nodes of the API."""
    # Whole clusters or none: what matters is how many there are of what meets many others.
    many = {
        "api": st.integers(1, 9),
        "ui": st.integers(1, 3),
        "frontend": st.integers(0, 2),
        "m": st.integers(0, 3),
        "mysql": st.sampled_from([1, 3, 5]),
        "zookeeper": st.sampled_from([0, 1, 3, 5]),
        "hypervisor": st.integers(0, 3),
    }
    return LabSpec(
        size=draw(st.sampled_from(sorted(CATALOGUE.sizes))),
        datacenters=draw(st.integers(0, 12)),
        regions=draw(st.integers(0, 12)),
        counts={role: draw(many[role]) for role in sorted(draw(st.sets(st.sampled_from(sorted(many)))))},
        supernet=draw(st.sampled_from([None, IPv4Network("10.0.0.0/8")])),
        variants=draw(variants()),
    )


def plan_of(spec: LabSpec, name: str = "lab") -> LabPlan:
    """Return the plan of `spec` on the catalogue that ships."""
    return make_plan(CATALOGUE, spec, name)


def documented(plan: LabPlan, spec: LabSpec) -> set[tuple[str, str, str]]:
    """Return (source node, destination node, id) for every connection that the documents have here."""
    rows: dict[tuple[str, str], list[str]] = {}
    for row in CATALOGUE.connections:
        usual = CATALOGUE.sizes[spec.size].variants
        chosen = {
            topic: spec.variants.get(topic, usual.get(topic, CATALOGUE.variants[topic].default))
            for topic in row.variant
        }
        if row.variant == chosen:
            rows.setdefault((row.source, row.destination), []).append(row.id)
    return {
        (source.name, destination.name, row)
        for source in plan.nodes
        for destination in plan.nodes
        for row in rows.get((source.role, destination.role), ())
        if _meet(source, destination)
    }


def _meet(one: Node, other: Node) -> bool:
    """The platform's servers meet everyone; a datacenter's or region's meet only their own site."""
    return one is not other and ("platform" in {one.site, other.site} or one.site == other.site)
