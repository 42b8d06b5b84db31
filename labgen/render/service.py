"""One node's Compose service: what its template says, and what every node gets alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final

from labgen.images import image_reference, is_foreign
from labgen.names import NODE_FOLDER, PROBE_FOLDER, PROBE_VOLUME, Label, container_name
from labgen.render.templates import peers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labgen.plan.model import LabPlan, Node
    from labgen.render.templates import ServiceTemplate

__all__ = ["COMMON", "INIT_CAPS", "PUBLIC", "NodeFiles", "service_of", "tls_secret"]

#: The network of published ports: the only one that is not internal.
PUBLIC: Final = "public"
_USER: Final = "uid=900,gid=900"
_TMP: Final = "mode=1777,size=64m"
_RUN: Final = f"mode=0700,{_USER},size=8m"
#: labgen-init loads the firewall with NET_ADMIN, drops root with the last three, and then drops them all;
#: the engine's init process, which stays root, needs KILL to hand SIGTERM on to a service of another user.
INIT_CAPS: Final = ("KILL", "NET_ADMIN", "SETGID", "SETPCAP", "SETUID")
#: How many times as often it is asked how a node is until it is healthy for the first time.
_EAGER: Final = 7
#: What every service has alike; each merges it, so that the file says it once.
COMMON: Final[dict[str, Any]] = {
    "init": True,
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "cap_add": list(INIT_CAPS),
    "security_opt": ["no-new-privileges:true"],
    "sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
    "pids_limit": 512,
    "logging": {"driver": "json-file", "options": {"max-size": "5m", "max-file": "3"}},
    "stop_grace_period": "10s",
    "tmpfs": [f"/tmp:{_TMP}", f"/run/labgen:{_RUN}"],  # noqa: S108 - the container's, not ours
}


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Files of one node: path in the rendered folder and in the container, with the text.

    `folder` is the node's own in the rendered folder; `mounts` has only what the container sees elsewhere.
    `live` are the paths of files that a running node loads when they change.
    """

    texts: dict[str, str]
    targets: dict[str, str]
    folder: str
    live: frozenset[str] = frozenset()

    @property
    def mounts(self) -> dict[str, str]:
        """Return by path what is not seen with the folder."""
        return {
            path: target for path, target in self.targets.items() if not target.startswith(f"{NODE_FOLDER}/")
        }

    @property
    def digest(self) -> str:
        """Changes when any other file's content does, so that Compose makes the container anew."""
        return self._digest(path for path in self.texts if path not in self.live)

    @property
    def live_digest(self) -> str:
        """Changes when a live file's content does."""
        return self._digest(path for path in self.texts if path in self.live)

    def _digest(self, paths: Iterable[str]) -> str:
        joined = "\0".join(f"{self.targets[path]}\0{self.texts[path]}" for path in paths)
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
    published = [one for one in plan.published if one.node == node.name]
    served = [one for one in plan.published if node.name in one.nodes]
    return {
        "image": image_reference(image, images, f"images.{node.role}"),
        "container_name": container_name(plan.name, node.name),
        "hostname": node.name,
        **_process(template, context),
        **_confinement(template, context),
        **_limits(node, template, context),
        "healthcheck": {**_health(image, template, context), **_rhythm(plan.check_seconds)},
        "volumes": [
            *(f"{node.name}-{name}:{path}" for name, path in template.volumes.items()),
            f"./{files.folder}:{NODE_FOLDER}:ro",
            *(f"./{source}:{target}:ro" for source, target in files.mounts.items()),
            # A foreign image is probed from beside: nothing of ours need run in it.
            *([] if is_foreign(image) else [f"{PROBE_VOLUME}:{PROBE_FOLDER}:ro"]),
        ],
        **_secrets(node, template),
        **({"ports": [f"{one.bind}:{one.host_port}:{one.port}" for one in published]} if published else {}),
        "labels": {
            Label.LAB: plan.name,
            Label.SIZE: plan.size,
            Label.NODE: node.name,
            Label.ROLE: node.role,
            Label.SITE: node.site,
            Label.SERVER: node.server,
            Label.ACTOR: str(node.actor).lower(),
            Label.FILES: files.digest,
            Label.ENFORCED: _enforced(plan, image),
            **(
                {Label.PUBLISHED: " ".join(f"{one.port}={','.join(one.connections)}" for one in served)}
                if served
                else {}
            ),
        },
        **_attachments(plan, node),
    }


def _enforced(plan: LabPlan, image: str) -> str:
    if not plan.firewall:
        return "links only"
    return "beside" if is_foreign(image) else "entry point"


def _health(image: str, template: ServiceTemplate, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the health check; a foreign image brings its own, and knows none of our programs."""
    if is_foreign(image):
        return {}
    return {"test": ["CMD", *_texts(template.evaluated("health", context))]}


def _rhythm(seconds: int) -> dict[str, Any]:
    return {
        "interval": f"{seconds}s",
        "timeout": "6s",
        "retries": 3,
        "start_period": "120s",
        "start_interval": f"{max(seconds // _EAGER, 1)}s",
    }


def _texts(value: Any) -> Any:
    """Return the words of a command as text: Compose takes no numbers."""
    return [str(one) for one in value] if isinstance(value, list) else value


def _process(template: ServiceTemplate, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is executed, and with what; an expression that gives none leaves its place empty."""
    found: dict[str, Any] = {}
    command = template.evaluated("command", context)
    if command is not None:
        found["command"] = _texts(command)
    values = template.evaluated("environment", context)
    environment = {key: str(value) for key, value in values.items() if value is not None}
    if environment:
        found["environment"] = environment
    if template.stop_signal is not None:
        found["stop_signal"] = template.stop_signal
    return found


def _confinement(template: ServiceTemplate, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template widens of what every service has alike."""
    found: dict[str, Any] = {}
    if not template.read_only:
        found["read_only"] = False
    added = {one for one in template.evaluated("cap_add", context) if one is not None}
    if added:
        found["cap_add"] = sorted({*INIT_CAPS, *added})
    if template.tmpfs:
        more = (f"{path}:mode=0700,{_USER},size={size}" for path, size in template.tmpfs.items())
        found["tmpfs"] = [*COMMON["tmpfs"], *more]
    return found


def _limits(node: Node, template: ServiceTemplate, context: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"mem_limit": node.memory_limit, "memswap_limit": node.memory_limit}
    cpus = template.cpus if node.cpus is None else node.cpus
    if cpus is not None:
        found["cpus"] = cpus
    shares = template.evaluated("cpu_shares", context)
    if shares is not None:
        found["cpu_shares"] = shares
    return found


def _secrets(node: Node, template: ServiceTemplate) -> dict[str, Any]:
    secrets: list[Any] = list(template.secrets)
    if template.tls:
        secrets.append({"source": tls_secret(node), "target": "tls.key"})
    return {"secrets": secrets} if secrets else {}


def _peers(plan: LabPlan, node: Node) -> dict[str, str]:
    """Return the address of every peer that there may be, by name: one that comes or goes is no news then."""
    found: dict[str, str] = {}
    for interface in node.interfaces:
        link = plan.link_by_name[interface.link]
        if link.roles[0] == link.roles[1]:
            first, last = (int(one) for one in link.room(node.role))
            stem = node.name.removesuffix(str(node.number))
            places = enumerate(range(first, last + 1), start=1)
            found |= {f"{stem}{number}": str(IPv4Address(place)) for number, place in places}
    found |= {one["name"]: one["address"] for one in peers_of(plan, node)}
    return {name: address for name, address in found.items() if name != node.name}


def _attachments(plan: LabPlan, node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    networks: dict[str, Any] = {one.link: {"ipv4_address": one.address} for one in node.interfaces}
    shared = [one for link in networks for one in plan.link_by_name[link].virtual if one.role != node.role]
    # The engine knows the names of containers: an address that moves between them is none's. And nodes of one
    # role meet on their clients' links as well, where they have nothing to say to each other.
    hosts = [f"{one.host}={one.address}" for one in shared]
    hosts += [f"{name}={address}" for name, address in _peers(plan, node).items()]
    if hosts:
        found["extra_hosts"] = hosts
    if any(node.name in one.nodes for one in plan.published):
        # The default route belongs to the only network that leads anywhere.
        networks[PUBLIC] = {"gw_priority": 1}
        # The engine's resolver would ask the machine's own for every name that is not the lab's; here nobody
        # answers, so a name leads no further than an address does.
        found["dns"] = ["127.0.0.1"]
    return ({"networks": networks} if networks else {"network_mode": "none"}) | found
