"""The whole rendering: every file of a lab's folder, as text. Pure: same plan, same bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from labgen import __version__
from labgen.images import is_foreign
from labgen.names import NODE_FOLDER, PROBE_VOLUME, Label, network_name, project_name
from labgen.render.beside import HOLDER_IMAGE, beside
from labgen.render.cuts import CUTS_FILE
from labgen.render.dump import dump_compose
from labgen.render.firewall import firewall_of
from labgen.render.service import COMMON, INIT_CAPS, PUBLIC, NodeFiles, service_of, tls_secret
from labgen.render.templates import (
    ServiceTemplate,
    context_of,
    load_service,
    load_text,
    neighbours_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from labgen.plan.model import LabPlan, Link, Node

__all__ = ["COMPOSE_FILE", "SIGNATURE", "Certificate", "Reload", "Rendering", "image_names", "render_lab"]

COMPOSE_FILE = "compose.yaml"
#: How every compose.yaml of ours begins.
SIGNATURE = "# Made by labgen "
_HEADER = (
    f"{SIGNATURE}{__version__}; a change here is lost at the next `labgen up`.\n"
    "# `docker compose up` in this folder starts the lab as well.\n"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that the lab's CA has to issue: file names below `tls/`, and who it is for."""

    node: str


@dataclass(frozen=True, slots=True)
class Reload:
    """What lets a running node load its `files` anew, and which ones those are now."""

    command: tuple[str, ...]
    digest: str
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rendering:
    """Files by relative path, folders that have to be there, and what must be random.

    That is secrets, by name, and certificates. `copies` are files that are made from others of the folder
    once those are there: each node has the certificates that it needs in its own folder. `reloads` has
    every node that loads changed files while it runs, `made_from` the label of what makes a container anew.
    """

    files: dict[str, str]
    secrets: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    folders: tuple[str, ...] = ()
    copies: dict[str, str] = field(default_factory=dict)
    reloads: dict[str, Reload] = field(default_factory=dict)
    made_from: dict[str, str] = field(default_factory=dict)


def image_names(plan: LabPlan, templates: Path) -> dict[str, str]:
    """Return the image of every node: a folder of images/, or a foreign reference."""
    return {node.name: node.image or load_service(templates / node.template).image for node in plan.nodes}


def render_lab(plan: LabPlan, templates: Path, images: Mapping[str, str]) -> Rendering:
    """Return every file of the lab; `images` maps image folders to tags.

    Raises InvalidInput when a template is missing, invalid, or names something unknown.
    """
    files: dict[str, str] = {}
    services: dict[str, Any] = {}
    volumes: dict[str, Any] = {PROBE_VOLUME: {"labels": {Label.LAB: plan.name}}}
    secrets: set[str] = set()
    certificates: list[Certificate] = []
    folders: list[str] = []
    copies: dict[str, str] = {}
    reloads: dict[str, Reload] = {}
    made_from: dict[str, str] = {}
    for node in plan.nodes:
        folder = templates / node.template
        template = load_service(folder)
        context = {**context_of(plan, node), "template": folder / "service.yaml"}
        node_files = _node_files(plan, node, template, context, folder)
        service = service_of(plan, node, template, context, node_files, images)
        if is_foreign(node.image or template.image):
            holder, service = beside(plan.name, node.name, service, images[HOLDER_IMAGE], INIT_CAPS)
            services[f"{node.name}-network"] = holder
        services[node.name] = service
        made_from[node.name] = node_files.digest
        if node_files.live:
            reloads[node.name] = Reload(tuple(template.reload), node_files.live_digest, node_files.live)
        folders.append(str(PurePosixPath(node_files.folder, CUTS_FILE).parent))
        files |= node_files.texts
        copies[f"{node_files.folder}/ca.crt"] = "tls/ca.crt"
        secrets.update(template.secrets)
        if template.tls:
            certificates.append(Certificate(node.name))
            copies[f"{node_files.folder}/tls.crt"] = f"tls/{node.name}.crt"
        for name in template.volumes:
            volumes[f"{node.name}-{name}"] = {"labels": {Label.LAB: plan.name, Label.NODE: node.name}}
    key_secrets = {
        tls_secret(plan.node_by_name[one.node]): {"file": f"./tls/{one.node}.key"} for one in certificates
    }
    compose = {
        "name": project_name(plan.name),
        "x-labgen": {"lab": plan.name, "size": plan.size, "supernet": str(plan.supernet)},
        "services": services,
        "networks": _networks(plan),
        "volumes": volumes,
        "secrets": {name: {"file": f"./secrets/{name}"} for name in sorted(secrets)} | key_secrets,
    }
    files[COMPOSE_FILE] = _HEADER + dump_compose(compose, COMMON)
    return Rendering(
        files, tuple(sorted(secrets)), tuple(certificates), tuple(folders), copies, reloads, made_from
    )


def _node_files(
    plan: LabPlan, node: Node, template: ServiceTemplate, context: Mapping[str, Any], folder: Path
) -> NodeFiles:
    base = f"nodes/{node.name}"
    texts = {f"{base}/node.json": _manifest(plan, node)}
    targets = {f"{base}/node.json": f"{NODE_FOLDER}/node.json"}
    if plan.firewall:
        texts[f"{base}/firewall.nft"] = firewall_of(plan, node)
        targets[f"{base}/firewall.nft"] = f"{NODE_FOLDER}/firewall.nft"
    for source, target in template.files.items():
        # What belongs to what the node sees of its folder has the name it is to be seen by.
        seen = target.removeprefix(f"{NODE_FOLDER}/") if target.startswith(f"{NODE_FOLDER}/") else None
        path = f"{base}/{seen or source.removesuffix('.j2')}"
        texts[path] = load_text(folder / source).render(context)
        targets[path] = target
    # A foreign image has not the program that would load anything.
    live = template.reload and not is_foreign(node.image or template.image)
    seen_live = {path for path in texts if targets[path].startswith(f"{NODE_FOLDER}/")}
    return NodeFiles(
        texts, targets, base, frozenset(seen_live - {f"{base}/firewall.nft"}) if live else frozenset()
    )


def _manifest(plan: LabPlan, node: Node) -> str:
    listens: dict[tuple[str, str, int], list[str]] = {}
    for row in {one.connection.id: one.connection for one in plan.clients(node)}.values():
        listens.setdefault((row.protocol, row.transport, row.port), []).append(row.id)
    # A line per neighbour: it reads well, and the encoder without indentation is five times faster.
    facts = {
        "lab": json.dumps(plan.name),
        "node": json.dumps(node.name),
        "role": json.dumps(node.role),
        "site": json.dumps(node.site),
        "datacenter_id": json.dumps(node.site),
        "listens": _json_lines(
            {"protocol": protocol, "transport": transport, "port": port, "connections": rows}
            for (protocol, transport, port), rows in listens.items()
        ),
        "neighbours": _json_lines(neighbours_of(plan, node)),
    }
    return "{\n" + ",\n".join(f'  "{key}": {value}' for key, value in facts.items()) + "\n}\n"


def _json_lines(rows: Iterable[dict[str, Any]]) -> str:
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    return f"[\n{lines}\n  ]" if lines else "[]"


def _networks(plan: LabPlan) -> dict[str, Any]:
    networks = {link.name: _internal(plan, link) for link in plan.links}
    if plan.published:
        networks[PUBLIC] = {
            "name": network_name(plan.name, PUBLIC),
            "driver_opts": {"com.docker.network.bridge.enable_icc": "false"},
            **_common(
                plan,
                PUBLIC,
                str(plan.public_subnet),
                " ".join(row for one in plan.published for row in one.connections),
                # No container may get by chance what several share.
                {one.node: one.virtual for one in plan.published if one.virtual},
            ),
        }
    return networks


def _internal(plan: LabPlan, link: Link) -> dict[str, Any]:
    return {
        "name": network_name(plan.name, link.name),
        "internal": True,
        # The bridge gets no address: not even the host is on the wire (engine 28).
        "driver_opts": {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"},
        **_common(plan, link.name, str(link.subnet), " ".join(link.connections)),
    }


def _common(
    plan: LabPlan, link: str, subnet: str, connections: str, reserved: Mapping[str, str] | None = None
) -> dict[str, Any]:
    labels = {Label.LAB: plan.name, Label.LINK: link, Label.SUPERNET: str(plan.supernet)}
    if connections:
        labels[Label.CONNECTIONS] = connections
    pool = {"subnet": subnet} | ({"aux_addresses": dict(reserved)} if reserved else {})
    return {"ipam": {"config": [pool]}, "labels": labels}
