"""What concerns one participant alone: does it run, where is it, who listens, which rules hold."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from labgen.render.firewall import firewall_of
from labgen.verify.rules import rule_faults
from labgen.verify.strangers import strangers
from labgen.verify.table import Difference, Kind, NodeReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labgen.plan.model import LabPlan, Node
    from labgen.verify.judge_ports import Closed
    from labgen.verify.look import Look
    from labgen.verify.measurement import Measurement
    from labgen.verify.questions import Questions

__all__ = ["NodeJudge"]


@dataclass(frozen=True)
class NodeJudge:
    """Reports on single participants of a measured lab."""

    plan: LabPlan
    questions: Questions
    measured: Measurement

    def bare(self, name: str, enforced: str) -> NodeReport:
        """Return the report of a participant that nothing was asked of."""
        node = self.plan.node_by_name.get(name)
        if node is None:
            return NodeReport(name, "host", "outside", actor=True, enforced="")
        return NodeReport(name, node.role, node.site, node.actor, enforced)

    def report(self, name: str, ways: Sequence[Closed], cuts: str | None, enforced: str) -> NodeReport:
        """Return the report of `name`; `ways` is what became of its ways out, `cuts` its rendered cuts."""
        bare = self.bare(name, enforced)
        differences = list(self._running(name))
        answers = self.measured.answers.get(name)
        checks: list[tuple[str, str]] = []
        node = self.plan.node_by_name.get(name)
        if answers and answers.look and node:
            look = answers.look
            differences += self._places(node, look)
            differences += self._listeners(node, look)
            differences += self._rules(node, look, cuts)
            differences += [Difference(Kind.IPV6, name, "", "IPv6", "none", one) for one in look.ipv6]
            checks = [
                ("addresses", ", ".join(look.addresses) or "none"),
                (
                    "listeners",
                    ", ".join(sorted({f"{one.port}/{one.transport}" for one in look.listeners})) or "none",
                ),
                ("rules", f"as rendered ({enforced})" if self.plan.firewall else "none: links only"),
                ("IPv6", "none"),
            ]
        out = [one for way in ways for one in way.differences]
        if answers and answers.look and not answers.broke:
            closed = sum(number for way in ways for _, number in way.counts)
            checks.append(("ways out", f"{closed} closed: gateways, the internet, other labs"))
        faulty = {_CHECK_OF[one.kind] for one in (*differences, *out) if one.kind in _CHECK_OF}
        faulty |= {one.question for one in differences if one.kind is Kind.PROBE}
        return NodeReport(
            bare.name,
            bare.role,
            bare.site,
            bare.actor,
            bare.enforced,
            tuple(one for one in checks if one[0] not in faulty),
            (*differences, *out),
        )

    def _running(self, name: str) -> Iterator[Difference]:
        if name in self.measured.stopped:
            yield Difference(
                Kind.NODE, name, "", "the node", "running", self.measured.stopped[name] or "missing"
            )
        elif (answers := self.measured.answers.get(name)) is not None and answers.broke:
            yield Difference(
                Kind.PROBE, name, "", "everything", "an answer", "the probe broke", "", answers.broke
            )

    def _places(self, node: Node, look: Look) -> Iterator[Difference]:
        """Compare the addresses a node has with those it should have."""
        planned = {one.address: one.link for one in node.interfaces}
        published = any(node.name in one.nodes for one in self.plan.published)
        shared = self._shared(node)
        seen = set(look.addresses) - shared
        public = {one for one in seen if IPv4Address(one) in self.plan.public_subnet}
        for address, link in planned.items():
            if address not in seen:
                rows = " ".join(self.plan.link_by_name[link].connections)
                yield Difference(
                    Kind.NETWORK, node.name, "", f"{address} on link {link}", "there", "missing", rows
                )
        for address in sorted(seen - set(planned) - (public if published else set()), key=IPv4Address):
            yield Difference(
                Kind.NETWORK, node.name, "", f"address {address}", "none", "on a network of no document"
            )
        if published and not public:
            where = f"an address in {self.plan.public_subnet}"
            yield Difference(Kind.NETWORK, node.name, "", where, "there", "missing")
        yield from self._holders(node, shared)

    def _shared(self, node: Node) -> set[str]:
        """Return the addresses that `node` shares with the others of its role: each of them may have them."""
        return {one.address for one in self.plan.shared_by(node)}

    def _holders(self, node: Node, shared: set[str]) -> Iterator[Difference]:
        """Compare who has the shared addresses: one node has each. Said once, by the first that was seen."""
        others = (one for one in self.plan.nodes if (one.role, one.site) == (node.role, node.site))
        peers = {one.name: self.measured.answers.get(one.name) for one in others}
        looks = {name: one.look for name, one in peers.items() if one is not None and one.look is not None}
        if node.name != min(looks, key=list(peers).index, default=""):
            return
        unseen = [one for one in peers if one not in looks and one not in self.measured.stopped]
        for address in sorted(shared, key=IPv4Address):
            holders = [name for name, look in looks.items() if address in look.addresses]
            fact = (Kind.NETWORK, node.name, "", f"shared address {address}", "one node has it")
            if len(holders) > 1:
                yield Difference(*fact, f"{' and '.join(holders)} have it")
            elif not holders and not unseen:
                yield Difference(*fact, f"none of {', '.join(looks)} has it")

    def _listeners(self, node: Node, look: Look) -> Iterator[Difference]:
        for one in strangers(self.plan, node, look):
            where = f"{one.address}:{one.port}/{one.transport}"
            yield Difference(
                Kind.LISTENER, node.name, "", where, "nobody listens", "a server that no row explains"
            )

    def _rules(self, node: Node, look: Look, cuts: str | None) -> Iterator[Difference]:
        if look.fault:
            yield Difference(
                Kind.PROBE, node.name, "", "rules", "an answer", "they cannot be read", "", look.fault
            )
            return
        rendered = firewall_of(self.plan, node) if self.plan.firewall else None
        for kind, table, text in ((Kind.RULES, "labgen", rendered), (Kind.CUT, "labgen_cuts", cuts)):
            for line, fault, row in rule_faults(text, look.rules.get(table)):
                yield Difference(kind, node.name, "", line, "as rendered", fault, row)


#: Which line of a report says the opposite of a difference.
_CHECK_OF = {
    Kind.NETWORK: "addresses",
    Kind.LISTENER: "listeners",
    Kind.RULES: "rules",
    Kind.IPV6: "IPv6",
    Kind.ESCAPE: "ways out",
}
