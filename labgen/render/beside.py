"""A foreign image's network: held, and its rules applied, by a container of ours beside it.

A foreign image knows neither labgen-init nor the rules. So a second container has the node's networks,
addresses, names and published ports, loads the rules before anything foreign starts, and sleeps; the
foreign one shares its network, without a capability to change it. Rules survive a restart of the image.
"""

from __future__ import annotations

from typing import Any, Final

from labgen.names import NODE_FOLDER, Label, holder_name

__all__ = ["HOLDER_IMAGE", "beside"]

#: The folder of images/ that the container beside is made from: the base that every server has.
HOLDER_IMAGE: Final = "base"
_MEMORY: Final = 16 * 2**20
# Readable for the health check, which is root without any right of root.
_READY: Final = "/tmp/ready"  # noqa: S108 - the container's own
#: What belongs to the network, and so to its holder.
_OF_NETWORK: Final = ("hostname", "dns", "ports", "networks", "network_mode")
#: How the node's folder ends, in which labgen-init looks for rules; the image sees it as well.
_FOLDER: Final = f":{NODE_FOLDER}:ro"
#: What a usual entry point needs to start as root and go on as somebody else.
_CAPS: Final = ("KILL", "SETGID", "SETUID")


def beside(
    lab: str, node: str, service: dict[str, Any], image: str, inherited: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the service of the container beside, and what is left of the `service` of the foreign image.

    `image` is the tag of HOLDER_IMAGE, `inherited` the capabilities that every service begins with.
    """
    labels = service["labels"]
    holder: dict[str, Any] = {
        "image": image,
        "container_name": holder_name(lab, node),
        **{key: service[key] for key in _OF_NETWORK if key in service},
        "command": ["sh", "-c", f"touch {_READY}; exec sleep infinity"],
        "mem_limit": _MEMORY,
        "memswap_limit": _MEMORY,
        "healthcheck": {**service["healthcheck"], "test": ["CMD", "test", "-f", _READY]},
        "volumes": [one for one in service["volumes"] if one.endswith(_FOLDER)],
        "labels": {
            **{key: labels[key] for key in (Label.LAB, Label.SIZE, Label.SITE, Label.SERVER, Label.FILES)},
            **({Label.PUBLISHED: labels[Label.PUBLISHED]} if Label.PUBLISHED in labels else {}),
            Label.HOLDS: node,
        },
    }
    if "networks" in service:
        holder["networks"] = {
            name: {**attachment, "aliases": [node]} for name, attachment in service["networks"].items()
        }
    own_caps = set(service.get("cap_add", inherited)) - set(inherited)
    foreign = {
        **{key: value for key, value in service.items() if key not in _OF_NETWORK},
        "network_mode": f"service:{node}-network",
        "depends_on": {f"{node}-network": {"condition": "service_healthy", "restart": True}},
        "cap_add": sorted({*_CAPS, *own_caps}),
        "sysctls": {},  # they are the network's
    }
    return holder, foreign
