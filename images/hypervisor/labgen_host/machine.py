"""The host's own machine vm-1: a lab has a console before anything is deployed."""

import re
import uuid
from pathlib import Path
from xml.etree import ElementTree as ET

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


def for_libvirt(xml: str) -> str:
    """Return a definition in which no comma of the firmware's configuration stands alone.

    libvirt hands such text to QEMU's command line as it is, where a comma begins another option and two
    are a comma: a label must not be able to give QEMU a file to read. Pairs stay as they are.
    """
    try:
        tree = ET.fromstring(xml)  # noqa: S314 - the parser bounds how far entities expand
    except ET.ParseError:
        return xml  # libvirt says what is wrong with it
    changed = False
    for entry in tree.findall("sysinfo[@type='fwcfg']/entry"):
        text = entry.text or ""
        entry.text = re.sub(",+", lambda run: "," * (len(run[0]) + len(run[0]) % 2), text)
        changed = changed or entry.text != text
    return ET.tostring(tree, encoding="unicode") if changed else xml
