"""What has to hold before any packet: who is there, what is published, and each node's rules as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labgen.verify.proof.compose import COMPOSE_FILE
from labgen.verify.proof.documented import BESIDE
from labgen.verify.proof.evaluate import frame_faults
from labgen.verify.proof.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labgen.verify.proof.compose import Compose, Member
    from labgen.verify.proof.documented import Documented
    from labgen.verify.proof.nft import RuleSet

__all__ = ["node_faults", "published_faults", "rule_faults"]

#: With one of these a program beside the rules could take them away.
_MIGHTY: Final = {"ALL", "NET_ADMIN", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE"}


def node_faults(compose: Compose, documented: Documented) -> Iterator[Finding]:
    """Yield nodes that are missing, or that nobody documented."""
    for name in documented.place_of:
        if name not in compose.members:
            yield Finding(Kind.NODE, f"is documented, but {COMPOSE_FILE} has no such node", name)
    for node in compose.members.values():
        where = f"{COMPOSE_FILE}:{node.line}"
        if node.name not in documented.place_of:
            yield Finding(
                Kind.NODE, "is a node that the documents and the sizes do not have", node.name, where=where
            )
        if mighty := sorted(node.caps & _MIGHTY):
            text = f"shares the network of '{node.holder}' and could change its rules ({', '.join(mighty)})"
            yield Finding(Kind.NODE, text, node.name, where=where)
    for name, line in compose.strangers:
        text = "is a service that is no node and holds no node's network"
        yield Finding(Kind.NODE, text, name, where=f"{COMPOSE_FILE}:{line}")


def rule_faults(
    compose: Compose, rules: Mapping[str, RuleSet | None], documented: Documented
) -> Iterator[Finding]:
    """Yield nodes without rules, and rules that do not refuse by default or break what is allowed."""
    for node in compose.members.values():
        found = rules[node.name]
        where = f"{COMPOSE_FILE}:{node.line}"
        if not documented.firewall:
            if found:
                yield Finding(
                    Kind.RULES, "has rules, though this lab is of links alone", node.name, where=where
                )
            continue
        if found is None:
            text = "mounts no rules: all that its networks join may pass"
            if node.rules:
                text = f"mounts {node.rules}, which is not there"
            yield Finding(Kind.RULES, text, node.name, where=where)
            continue
        for chain, name in ((found.output, "output"), (found.input, "input")):
            if chain is None:
                text = f"there is no {name} chain: all may pass"
                yield Finding(Kind.RULES, text, node.name, where=str(node.rules))
            for line, fault in frame_faults(chain) if chain else ():
                yield Finding(Kind.RULES, f"{name} chain: {fault}", node.name, where=f"{node.rules}:{line}")


def published_faults(compose: Compose, documented: Documented) -> Iterator[Finding]:
    """Yield published ports that are not the documented ones, and the other way round."""
    for name in documented.published:
        if name in compose.members:
            yield from _published(compose.members[name], compose, documented)
    for node in compose.members.values():
        if node.name not in documented.published:
            for one in node.published:
                text = f"publishes port {one.inside} on {one.bind}:{one.host}, which no document does"
                where = f"{COMPOSE_FILE}:{one.line}"
                yield Finding(
                    Kind.PUBLISHED, text, node.name, ports=f"{one.inside}/{one.transport}", where=where
                )


def _published(node: Member, compose: Compose, documented: Documented) -> Iterator[Finding]:
    where = f"{COMPOSE_FILE}:{node.line}"
    left = {(one.inside, "tcp"): one for one in documented.published[node.name] if one.host != BESIDE}
    labelled = dict(one.partition("=")[::2] for one in node.published_rows.split())
    for port in node.published:
        ports = f"{port.inside}/{port.transport}"
        wanted = left.pop((port.inside, port.transport), None)
        rows = " ".join(row.id for row in wanted.rows) if wanted else ""
        if not rows or wanted is None:
            text = f"publishes port {port.inside} on {port.bind}:{port.host}, which no document row does"
        elif port.bind != documented.bind:
            text = f"publishes port {port.inside} on {port.bind}, not on {documented.bind}"
        elif wanted.host and port.host != wanted.host:
            text = f"publishes port {port.inside} as {port.host}, not as {wanted.host}"
        elif sorted(labelled.get(str(port.inside), "").split(",")) != sorted(rows.split()):
            said = labelled.get(str(port.inside), "")
            text = f"names row '{said}' for published port {port.inside}, not '{rows}'"
        else:
            continue
        yield Finding(Kind.PUBLISHED, text, node.name, "", rows, ports, f"{COMPOSE_FILE}:{port.line}")
    for one in left.values():
        rows = " ".join(row.id for row in one.rows)
        text = f"does not publish port {one.inside}"
        yield Finding(Kind.PUBLISHED, text, node.name, "", rows, f"{one.inside}/tcp", where)
    if node.published and all(compose.networks[one.network].internal for one in node.attachments):
        yield Finding(
            Kind.PUBLISHED, "publishes ports, and is on no network that leads out", node.name, where=where
        )
