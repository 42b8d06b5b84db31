"""One node's Compose service: what its template says, and what every node gets alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labgen.images import is_foreign
from labgen.names import Label, container_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labgen.plan.model import LabPlan, Node
    from labgen.render.templates import ServiceTemplate

__all__ = ["PUBLIC", "NodeFiles", "service_of", "tls_secret"]

#: The network of published ports: the only one that is not internal.
PUBLIC: Final = "public"
_USER: Final = "uid=900,gid=900"
_INIT_CAPS: Final = ("SETGID", "SETPCAP", "SETUID")  # labgen-init drops root with them, then drops them
_HEALTH: Final = {
    "interval": "10s",
    "timeout": "6s",
    "retries": 3,
    "start_period": "120s",
    "start_interval": "1s",
}
_LOGGING: Final = {"driver": "json-file", "options": {"max-size": "5m", "max-file": "3"}}


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Files of one node: path in the rendered folder and in the container, with the text."""

    texts: dict[str, str]
    mounts: dict[str, str]

    @property
    def digest(self) -> str:
        """Changes when any file's content does, so that Compose makes the container anew."""
        joined = "\0".join(f"{self.mounts[path]}\0{text}" for path, text in self.texts.items())
        return hashlib.sha256(joined.encode()).hexdigest()[:16]


def tls_secret(node: Node) -> str:
    """Return the name of the secret with a node's private key."""
    return f"{node.name}.key"


def service_of(
    plan: LabPlan,
    node: Node,
    template: ServiceTemplate,
    context: Mapping[str, Any],
    files: NodeFiles,
    images: Mapping[str, str],
) -> dict[str, Any]:
    """Return the Compose service of `node`; `images` maps image folders to tags."""
    image = node.image or template.image
    service: dict[str, Any] = {
        "image": image if is_foreign(image) else images[image],
        "container_name": container_name(plan.name, node.name),
        "hostname": node.name,
    }
    if template.command is not None:
        service["command"] = template.evaluated("command", context)
    if template.environment:
        values = template.evaluated("environment", context)
        service["environment"] = {key: str(value) for key, value in values.items()}
    service |= {
        "init": True,
        "restart": "unless-stopped",
        "read_only": template.read_only,
        "cap_drop": ["ALL"],
        "cap_add": sorted({*_INIT_CAPS, *template.cap_add}),
        "security_opt": ["no-new-privileges:true"],
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
        "pids_limit": 512,
        "mem_limit": node.memory_limit,
        "memswap_limit": node.memory_limit,
        "logging": _LOGGING,
        "healthcheck": {"test": ["CMD", *template.evaluated("health", context)], **_HEALTH},
        "stop_grace_period": "10s",
        "tmpfs": [
            "/tmp:mode=1777,size=64m",  # noqa: S108 - the container's, not ours
            f"/run/labgen:mode=0700,{_USER},size=8m",
            *(f"{path}:mode=0700,{_USER},size={size}" for path, size in template.tmpfs.items()),
        ],
        "volumes": [
            *(f"{node.name}-{name}:{path}" for name, path in template.volumes.items()),
            *(f"./{source}:{target}:ro" for source, target in files.mounts.items()),
        ],
    }
    if node.cpus is not None:
        service["cpus"] = node.cpus
    if template.stop_signal is not None:
        service["stop_signal"] = template.stop_signal
    secrets: list[Any] = list(template.secrets)
    if template.tls:
        secrets.append({"source": tls_secret(node), "target": "tls.key"})
    if secrets:
        service["secrets"] = secrets
    published = [one for one in plan.published if one.node == node.name]
    if published:
        service["ports"] = [f"{one.bind}:{one.host_port}:{one.port}" for one in published]
    service["labels"] = {
        Label.LAB: plan.name,
        Label.SIZE: plan.size,
        Label.NODE: node.name,
        Label.ROLE: node.role,
        Label.SITE: node.site,
        Label.SERVER: node.server,
        Label.ACTOR: str(node.actor).lower(),
        Label.FILES: files.digest,
    }
    return service | _attachments(node, public=bool(published))


def _attachments(node: Node, *, public: bool) -> dict[str, Any]:
    networks: dict[str, Any] = {one.link: {"ipv4_address": one.address} for one in node.interfaces}
    if public:
        # The default route belongs to the only network that leads anywhere.
        networks[PUBLIC] = {"gw_priority": 1}
    return {"networks": networks} if networks else {"network_mode": "none"}
