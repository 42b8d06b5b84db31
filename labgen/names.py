"""Names on the engine: one place for labels and for how a lab's things are called."""

from __future__ import annotations

from typing import Final

__all__ = [
    "NODE_FOLDER",
    "PROBE_FOLDER",
    "PROBE_VOLUME",
    "Label",
    "container_name",
    "holder_name",
    "network_name",
    "project_name",
]

#: Where a node sees its folder of the rendered lab. The whole folder, not file by file: a container holds on
#: to a file that was there when it started, in a folder it sees what takes its place.
NODE_FOLDER: Final = "/etc/labgen"
#: The volume of a lab with the probe's program, and where every node of ours has it, to be read only.
PROBE_VOLUME: Final = "probe"
PROBE_FOLDER: Final = "/opt/labgen-probe"


class Label:
    """Labels on everything that labgen makes; they are the only truth about what runs."""

    LAB: Final = "io.labgen.lab"
    SIZE: Final = "io.labgen.size"
    SUPERNET: Final = "io.labgen.supernet"
    NODE: Final = "io.labgen.node"
    ROLE: Final = "io.labgen.role"
    SITE: Final = "io.labgen.site"
    SERVER: Final = "io.labgen.server"
    ACTOR: Final = "io.labgen.actor"
    FILES: Final = "io.labgen.files"
    #: Who applies the node's rules: its own entry point, a container beside it, or nobody.
    ENFORCED: Final = "io.labgen.enforced"
    #: On the container beside a foreign image: the node whose network it holds.
    HOLDS: Final = "io.labgen.holds"
    #: On a probe: the network that it is in.
    PROBE: Final = "io.labgen.probe"
    #: `port=row row` for each published port.
    PUBLISHED: Final = "io.labgen.published"
    LINK: Final = "io.labgen.link"
    CONNECTIONS: Final = "io.labgen.connections"
    IMAGE: Final = "io.labgen.image"


def project_name(lab: str) -> str:
    """Return the Compose project of a lab."""
    return f"labgen-{lab}"


def container_name(lab: str, node: str) -> str:
    """Return the name of a node's container."""
    return f"{project_name(lab)}-{node}"


def holder_name(lab: str, node: str) -> str:
    """Return the name of the container that holds the network of a node with a foreign image."""
    return f"{container_name(lab, node)}-network"


def network_name(lab: str, link: str) -> str:
    """Return the name of a link's Docker network."""
    return f"{project_name(lab)}-{link}"
