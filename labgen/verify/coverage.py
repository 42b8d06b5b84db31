"""Traceability: each row of the documents, the links of a lab that realise it, the tests that prove it. Pure.

A row that no link realises says why, and what would have to be set for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from labgen.catalogue.model import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labgen.catalogue.model import Catalogue, Connection
    from labgen.plan.model import LabPlan, Site
    from labgen.plan.spec import LabSpec

__all__ = ["Coverage", "Lack", "Reason", "Summary", "coverage_of", "summary_of"]

_HOW_MANY: Final = {
    Scope.DATACENTER: ("datacenter", "datacenters"),
    Scope.REGION: ("public cloud region", "regions"),
}


class Lack(StrEnum):
    """What kind of thing a row lacks."""

    NO_SERVER = "no-server"  # labgen has no server for one of its ends
    DATA_ONLY = "data-only"  # it belongs to a choice that no shipped server serves
    VARIANT = "variant"  # it belongs to a choice that this lab did not make
    ABSENT = "absent"  # this lab has no such site, or no such node
    UNTESTED = "untested"  # it can be realised, and no test speaks it


#: What nothing in a lab's settings changes.
_NEVER: Final = frozenset({Lack.NO_SERVER, Lack.DATA_ONLY})


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `sets` are the values of `--set` that remove it, none where nothing does."""

    kind: Lack
    text: str
    sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """One row: the links and the published ports that realise it here, and the tests that prove it.

    `spoken` are tests that speak the row in its protocol, `closed` those that show that in their lab nothing
    but the documented connections passes. `reasons` is empty if nothing is missing.
    """

    row: Connection
    links: tuple[str, ...]
    published: tuple[str, ...]
    spoken: tuple[str, ...]
    closed: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def realised(self) -> bool:
        """Whether a link of this lab realises the row."""
        return bool(self.links)

    @property
    def proven(self) -> bool:
        """Whether a test speaks the row."""
        return bool(self.spoken)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rows there are, how many of them are realised and proven, and by how many links."""

    rows: int
    realised: int
    unrealised: int
    links: int
    proven: int
    unproven: int


def coverage_of(catalogue: Catalogue, spec: LabSpec, plan: LabPlan) -> tuple[Coverage, ...]:
    """Return every row of the catalogue, in its order, as `plan` (the plan of `spec`) realises it."""
    links = _by_row((link.name, link.connections) for link in plan.links)
    published = _by_row((port.name, port.connections) for port in plan.published)
    lacks = _Reasons(catalogue, spec, plan)
    found = []
    for row in catalogue.connections:
        proofs = catalogue.proofs.get(row.id, ())
        spoken = tuple(one for one in proofs if _speaks(one, row))
        reasons = [] if row.id in links else list(lacks.of(row))
        if not spoken and not {one.kind for one in reasons} & _NEVER:
            reasons.append(Reason(Lack.UNTESTED, "no test speaks it"))
        found.append(
            Coverage(
                row=row,
                links=tuple(links.get(row.id, ())),
                # A port of the host stands for the row's link; without one nobody is promised anything.
                published=tuple(published.get(row.id, ())) if row.id in links else (),
                spoken=spoken,
                closed=tuple(one for one in proofs if one not in spoken),
                reasons=tuple(reasons),
            )
        )
    return tuple(found)


def summary_of(found: Iterable[Coverage]) -> Summary:
    """Return the numbers of `found`."""
    every = list(found)
    realised, proven = sum(one.realised for one in every), sum(one.proven for one in every)
    return Summary(
        rows=len(every),
        realised=realised,
        unrealised=len(every) - realised,
        links=len({link for one in every for link in one.links}),
        proven=proven,
        unproven=len(every) - proven,
    )


def _by_row(things: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, rows in things:
        for row in rows:
            found.setdefault(row, []).append(name)
    return found


def _speaks(test: str, row: Connection) -> bool:
    """Whether a test's id says so: its parameter begins with the row (`…[22: dc1-rs-1 -> dc1-redis-1]`)."""
    return test.partition("[")[2].startswith(f"{row.id}: ")


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Why no link of a lab realises a row."""

    catalogue: Catalogue
    spec: LabSpec
    plan: LabPlan

    def of(self, row: Connection) -> Iterator[Reason]:
        """Yield what nothing in a lab's settings can change; if there is none, all that has to be set."""
        ends = tuple(dict.fromkeys((row.source, row.destination)))
        never = [
            Reason(Lack.NO_SERVER, f"labgen has no server for {end}")
            for end in ends
            if self.catalogue.roles[end].template is None
        ]
        never += [
            Reason(Lack.DATA_ONLY, f"no shipped server does {topic}: {row.variant[topic]}")
            for topic in self.catalogue.data_only(row)
        ]
        if never:
            yield from never
            return
        for topic, choice in row.variant.items():
            here = self.catalogue.ruling(self.spec.size, self.spec.variants)[topic]
            if here != choice:
                yield Reason(Lack.VARIANT, f"{topic} is {here} here", (f"variants.{topic}={choice}",))
        yield from self._absent(ends)

    def _absent(self, ends: tuple[str, ...]) -> Iterator[Reason]:
        """Yield what the site lacks that comes nearest to having both ends, and the site if there is none."""
        scopes = {self.catalogue.roles[end].scope for end in ends} - {Scope.PLATFORM}
        if len(scopes) > 1:
            yield Reason(Lack.ABSENT, f"no site has both {' and '.join(ends)}")
            return
        scope = next(iter(scopes), Scope.PLATFORM)
        sites: list[Site | None] = [site for site in self.plan.sites if site.scope is scope]
        if not sites:
            title, key = _HOW_MANY[scope]
            yield Reason(Lack.ABSENT, f"the lab has no {title}", (f"{key}=1",))
            sites = [None]
        yield from min((list(self._lacks(site, ends)) for site in sites), key=len)

    def _lacks(self, site: Site | None, ends: tuple[str, ...]) -> Iterator[Reason]:
        """Yield which of `ends` have too few nodes at `site`; None is a site that is still to come."""
        usual = {**self.catalogue.sizes[self.spec.size].counts, **self.spec.counts}
        platform = next(one.name for one in self.plan.sites if one.scope is Scope.PLATFORM)
        needed = 1 if len(ends) > 1 else 2  # a node has no link to itself
        for end in ends:
            everywhere = self.catalogue.roles[end].scope is Scope.PLATFORM
            home = platform if everywhere else site.name if site else ""
            there = sum((node.role, node.site) == (end, home) for node in self.plan.nodes)
            have = there if home else usual.get(end, 0)
            if have < needed:
                differs = home in self.spec.sites and end in self.spec.sites[home].counts
                key = f"sites.{home}.counts.{end}" if differs else end
                where = f"at {home}" if home not in ("", platform) else "here"
                yield Reason(Lack.ABSENT, f"{have or 'no'} {end} {where}", (f"{key}={needed}",))
