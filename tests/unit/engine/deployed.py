"""A lab as labgen and Compose leave it, on an engine that is not there: nothing differs from its plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from labgen.assets import images_dir, templates_dir
from labgen.engine.state import LabState, lab_state
from labgen.images import image_tags
from labgen.names import Label, network_name, project_name
from labgen.plan.model import LabPlan
from labgen.render.lab import COMPOSE_FILE, Rendering, render_lab
from tests.unit.engine.world import HEALTHY, World

__all__ = ["Deployed"]


@dataclass
class Deployed:
    """A plan that runs. Tests change single things in `world` and in the lab's folder."""

    plan: LabPlan
    world: World = field(default_factory=World)
    rendering: Rendering = field(init=False)
    document: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.rendering = render_lab(self.plan, templates_dir(), image_tags(images_dir()))
        self.document = yaml.safe_load(self.rendering.files[COMPOSE_FILE])
        self._write()
        for name, service in self.document["services"].items():
            self.world.containers.append(self._container(name, service))
        for network in self.document["networks"].values():
            self.world.networks.append(self._network(network))
        tags = {service["image"] for service in self.document["services"].values()}
        self.world.images = [{"Id": f"id {tag}", "RepoTags": [tag], "Labels": None} for tag in sorted(tags)]

    @property
    def state(self) -> LabState:
        return lab_state(self.plan.name)

    def container(self, name: str) -> Any:
        """Return the container of a service, to be changed."""
        return next(one for one in self.world.containers if one["Id"] == f"id-{name}")

    def network(self, link: str) -> Any:
        """Return the network of a link, to be changed."""
        name = network_name(self.plan.name, link)
        return next(one for one in self.world.networks if one["Name"] == name)

    def networks_of(self, name: str) -> dict[str, Any]:
        """Return what a service is on, to be changed."""
        found: dict[str, Any] = self.container(name)["NetworkSettings"]["Networks"]
        return found

    def _write(self) -> None:
        made = [f"secrets/{name}" for name in self.rendering.secrets]
        owners = ["ca", *(one.node for one in self.rendering.certificates)]
        made += [f"tls/{one}.{end}" for one in owners for end in ("crt", "key")]
        made += self.rendering.copies
        for path, text in {**dict.fromkeys(made, "x"), **self.rendering.files}.items():
            target = self.state.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def _container(self, name: str, service: dict[str, Any]) -> dict[str, Any]:
        lab = self.plan.name
        return {
            "Id": f"id-{name}",
            "Names": [f"/{service['container_name']}"],
            "Image": service["image"],
            "ImageID": f"id {service['image']}",
            "State": "running",
            "Status": HEALTHY,
            "Ports": [],
            "Labels": {
                **service["labels"],
                "com.docker.compose.project": project_name(lab),
                "com.docker.compose.config-hash": f"hash of {name}",
            },
            "NetworkSettings": {
                "Networks": {
                    network_name(lab, link): {
                        "IPAMConfig": one.get("ipv4_address") and {"IPv4Address": one["ipv4_address"]},
                        "IPAddress": one.get("ipv4_address") or "10.210.0.2",
                    }
                    for link, one in (service.get("networks") or {}).items()
                }
            },
        }

    @staticmethod
    def _network(network: dict[str, Any]) -> dict[str, Any]:
        return {
            "Id": f"id-{network['name']}",
            "Name": network["name"],
            "Internal": network.get("internal", False),
            "EnableIPv6": False,
            "Options": network.get("driver_opts") or {},
            "IPAM": {"Config": [{"Subnet": one["subnet"]} for one in network["ipam"]["config"]]},
            "Labels": dict(network["labels"]),
            "Containers": {},
        }

    def hashes(self) -> dict[str, str]:
        """What Compose says of every service."""
        return {name: f"hash of {name}" for name in self.document["services"]}

    def label(self, name: str, key: str, value: str) -> None:
        """Change one label of a container."""
        self.container(name)["Labels"][key] = value

    def stranger(self, name: str, network: str, address: str = "10.210.0.9") -> None:
        """Let a container that is not the lab's be on a network."""
        attached = {network: {"IPAMConfig": None, "IPAddress": address}}
        self.world.containers.append(
            {
                "Id": f"id-{name}",
                "Names": [f"/{name}"],
                "Image": "somebody/theirs:1",
                "ImageID": "id",
                "State": "running",
                "Status": "Up 2 minutes",
                "Labels": {"theirs": "yes"},
                "NetworkSettings": {"Networks": attached},
            }
        )

    def labelled(self, name: str, **labels: str) -> None:
        """Let one more container bear the lab's label."""
        self.stranger(name, "bridge")
        self.world.containers[-1]["Labels"] = {Label.LAB: self.plan.name, **labels}
