"""The host's own machine vm-1: a lab has a console before anything is deployed."""

import uuid
from pathlib import Path

from labgen_aim.boot_disk import boot_disk
from labgen_aim.definition import Definition, define

NAME = "vm-1"
# Row 33's first port; libvirt gives the others to machines that are deployed.
PORT = 5900


def own_machine(node: str, folder: Path) -> str:
    """Write the machine's disk into FOLDER, and return its definition for libvirt."""
    disk = folder / f"{NAME}.img"
    disk.write_bytes(boot_disk())
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{NAME}.{node}"))
    return define(Definition(NAME, identity, f"{NAME} of {node}", str(disk), display_port=PORT))
