"""Which networks join whom: exactly the roles of a document row; none leads out but for published ports."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from labgen.verify.proof.compose import COMPOSE_FILE
from labgen.verify.proof.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labgen.verify.proof.compose import Compose, Member, Network
    from labgen.verify.proof.documented import Documented, Place

__all__ = ["network_faults"]


def network_faults(compose: Compose, documented: Documented) -> Iterator[Finding]:
    """Yield networks that lead out, overlap, or join whom no row joins, and addresses that cannot be."""
    members: dict[str, list[Member]] = {name: [] for name in compose.networks}
    for node in compose.members.values():
        for one in node.attachments:
            members[one.network].append(node)
    for network in compose.networks.values():
        here = members[network.name]
        yield from _addresses(network, here)
        if network.internal:
            if network.gateway is not None:
                yield _about(network, "gives the host an address: its gateway mode is not isolated")
            yield from _joined(network, here, documented)
        else:
            yield from _leading_out(network, here, documented)
    ordered = sorted(compose.networks.values(), key=lambda one: one.first)
    for before, network in pairwise(ordered):
        if network.first <= before.last:
            text = f"has addresses of network '{before.name}' ({before.subnet}, {network.subnet})"
            yield _about(network, text)


def _about(network: Network, text: str, row: str = "", kind: Kind = Kind.NETWORK) -> Finding:
    return Finding(kind, f"network '{network.name}' {text}", row=row, where=f"{COMPOSE_FILE}:{network.line}")


def _addresses(network: Network, members: list[Member]) -> Iterator[Finding]:
    seen: dict[int, str] = {network.first: "the network", network.last: "everybody"}
    if network.gateway is not None:
        seen[network.gateway] = "the host"
    for node in members:
        for one in node.attachments:
            if one.network != network.name:
                continue
            where = f"{COMPOSE_FILE}:{one.line}"
            text = ""
            if one.address is None:
                text = "has no address of its own" if network.internal else ""
            elif not network.first <= one.address <= network.last:
                text = f"has an address outside of {network.subnet}"
            elif one.address in seen:
                text = f"has the address of {seen[one.address]}"
            else:
                seen[one.address] = node.name
            if text:
                yield Finding(Kind.NETWORK, f"{text} on network '{network.name}'", node.name, where=where)


def _joined(network: Network, members: list[Member], documented: Documented) -> Iterator[Finding]:
    """Yield places on `network` that no row joins, and rows of its label that do not join those that are."""
    places: dict[Place, str] = {}
    for node in members:
        if node.name in documented.place_of:
            places.setdefault(documented.place_of[node.name], node.name)
    wanted: dict[str, None] = {}
    if len(places) == 1:  # nodes of one role that meet each other have a network to themselves
        (one,) = places
        wanted |= dict.fromkeys(row.id for row in documented.between(one, one))
    for one, other in combinations(places, 2):
        rows = (*documented.between(one, other), *documented.between(other, one))
        wanted |= dict.fromkeys(row.id for row in rows)
        if not rows:
            text = f"network '{network.name}' joins the two, and no row does"
            where = f"{COMPOSE_FILE}:{network.line}"
            yield Finding(Kind.NETWORK, text, places[one], places[other], where=where)
    yield from _labelled(network, list(wanted), documented)


def _labelled(network: Network, wanted: list[str], documented: Documented) -> Iterator[Finding]:
    for row in network.rows:
        if row not in documented.chosen:
            yield _about(network, f"names row '{row}', which this lab does not have", row, Kind.COMMENT)
        elif row not in wanted:
            yield _about(network, f"names row '{row}', which joins nobody on it", row, Kind.COMMENT)
    for row in wanted:
        if row not in network.rows:
            yield _about(network, f"does not name row '{row}', which joins nodes on it", row, Kind.COMMENT)
    if not network.rows and not wanted:
        yield _about(network, "is there for no document row", kind=Kind.COMMENT)


def _leading_out(network: Network, members: list[Member], documented: Documented) -> Iterator[Finding]:
    """Yield what is wrong with a network that is not internal: it is there for published ports alone."""
    wanted: dict[str, None] = {}
    for node in members:
        publishing = documented.published.get(node.name, ())
        wanted |= dict.fromkeys(row.id for one in publishing for row in one.rows)
        if not publishing:
            where = f"{COMPOSE_FILE}:{network.line}"
            text = f"is on network '{network.name}', which leads out, and publishes nothing"
            yield Finding(Kind.NETWORK, text, node.name, where=where)
    if not wanted:
        yield _about(network, "is not internal, and no documented port is published on it")
        return
    if network.among:
        yield _about(network, "leads out, and lets its members reach each other (enable_icc)")
    yield from _labelled(network, list(wanted), documented)
