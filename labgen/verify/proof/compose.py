"""Reads compose.yaml: who is on which network at which address, what is published, where the rules are.

Every key of a service or a network either is read here or is known to have no say in who reaches whom; any
other stops the proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labgen.names import Label
from labgen.verify.proof.attached import Attachment, Port, Service, read_service
from labgen.verify.proof.document import Block, read_document
from labgen.verify.proof.faults import NotUnderstood
from labgen.verify.proof.networks import Network, read_network

__all__ = ["COMPOSE_FILE", "Attachment", "Compose", "Member", "Network", "Port", "read_compose"]

COMPOSE_FILE: Final = "compose.yaml"
_TOP: Final = {"name", "services", "networks", "volumes", "secrets"}


@dataclass(frozen=True, slots=True)
class Member:
    """A node, with the network facts of the service whose network it lives in: itself or one beside it."""

    name: str
    holder: str
    attachments: tuple[Attachment, ...]
    published: tuple[Port, ...]
    published_rows: str
    rules: str | None
    caps: frozenset[str]
    line: int


@dataclass(frozen=True, slots=True)
class Compose:
    """The whole file. `strangers` are services that are neither a node nor hold a node's network."""

    members: dict[str, Member]
    networks: dict[str, Network]
    strangers: tuple[tuple[str, int], ...]


def read_compose(text: str, file: str = COMPOSE_FILE) -> Compose:
    """Return the facts in `text`, the contents of `file`. Raises NotUnderstood with the line."""
    document = read_document(text, file)
    for key in document.keys() - _TOP:
        if not key.startswith("x-"):
            raise NotUnderstood(file, document.at(key), f"the key '{key}'")
    networks = {
        name: read_network(name, one, line, file) for name, one, line in _blocks(document, "networks", file)
    }
    services = {
        name: read_service(name, one, line, file) for name, one, line in _blocks(document, "services", file)
    }
    for service in services.values():
        for one in service.attachments:
            if one.network not in networks:
                raise NotUnderstood(file, one.line, f"the network '{one.network}', which is nowhere")
    members = {}
    holders = set()
    for service in services.values():
        if service.node:
            holder = _holder(service, services, file)
            holders.add(holder.name)
            if service.node in members:
                raise NotUnderstood(file, service.line, f"a second service of node '{service.node}'")
            members[service.node] = _member(service, holder)
    strangers = tuple(
        (one.name, one.line) for one in services.values() if not one.node and one.name not in holders
    )
    return Compose(members, networks, strangers)


def _blocks(document: Block, key: str, file: str) -> list[tuple[str, Block, int]]:
    blocks = document.get(key)
    if not isinstance(blocks, Block):
        raise NotUnderstood(file, document.at(key), f"'{key}' is no mapping")
    found = []
    for name, one in blocks.items():
        if not isinstance(one, Block):
            raise NotUnderstood(file, blocks.at(name), f"'{key}.{name}' is no mapping")
        found.append((name, one, blocks.at(name)))
    return found


def _holder(service: Service, services: dict[str, Service], file: str) -> Service:
    """Return the service whose network `service` lives in."""
    if not service.shares:
        return service
    holder = services.get(service.shares)
    if holder is None or holder.shares:
        raise NotUnderstood(file, service.line, f"'{service.name}' shares the network of '{service.shares}'")
    # Rules that it sees as well are not its own to load: only the holder may.
    if service.published:
        raise NotUnderstood(file, service.line, f"'{service.name}' has ports, but no network")
    return holder


def _member(service: Service, holder: Service) -> Member:
    return Member(
        name=service.node,
        holder=holder.name,
        attachments=holder.attachments,
        published=holder.published,
        published_rows=holder.labels.get(Label.PUBLISHED, ""),
        rules=holder.rules,
        # Who shares a network and may administrate it could take the rules away.
        caps=service.caps if holder is not service else frozenset(),
        line=service.line,
    )
