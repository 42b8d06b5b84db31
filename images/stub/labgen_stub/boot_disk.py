"""The lab's tiny bootable template: what is in it, and under which name it is offered."""

from __future__ import annotations

from importlib import import_module

NAME = "labgen-boot"
DESCRIPTION = "Boots in an instant and shows the machine's label"
CPU, RAM = 1, 16  # processors, MiB


def boot_disk() -> bytes:
    """Make the disk, a raw image of 32,256 bytes.

    A machine shows its label when its definition has `<sysinfo type='fwcfg'>` with the entry
    `opt/labgen/label` (`labgen_aim.definition.define` writes one), else its UUID.
    """
    content: bytes = import_module("labgen_aim.boot_disk").boot_disk()
    return content
