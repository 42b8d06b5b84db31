"""libvirt's definition of a small machine, as both the host and who asks it to run one write it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from labgen_aim.boot_disk import LABEL_ENTRY

# What fits on a line of the boot disk's screen.
_LONGEST_LABEL = 60
# QEMU reserves this for translated code, in MiB; a machine that waits for a key uses next to none of it.
_CODE_CACHE = 8

_XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <title>{label}</title>
  <memory unit='MiB'>{ram}</memory>
  <vcpu>{cpu}</vcpu>
  <sysinfo type='fwcfg'><entry name='{entry}'>{shown}</entry></sysinfo>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><tcg><tb-cache unit='MiB'>{cache}</tb-cache></tcg></features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type={format}/><source file={disk}/><target dev='hda' bus='ide'/>
    </disk>
    <controller type='usb' model='none'/>
    <graphics type='vnc' {port}><listen type='address' address='0.0.0.0'/></graphics>
    <video><model type='vga' vram='1024'/></video>
    <memballoon model='none'/>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class Definition:
    """A machine to define.

    Attributes:
        name: its name at the host.
        label: what its user calls it; the boot disk shows it.
        disk: path of the disk on the host; `format` is QEMU's name of what is in it.
        cpu, ram: processors, and memory in MiB.
        display_port: TCP port of its VNC server; 0 lets libvirt take a free one when it starts.
    """

    name: str
    uuid: str
    label: str
    disk: str
    format: str = "raw"
    cpu: int = 1
    ram: int = 16
    display_port: int = 0


def define(machine: Definition) -> str:
    """Write the definition of a machine; the screen has no letters beyond ASCII, so such become `?`."""
    shown = machine.label.encode("ascii", "replace").decode()
    shown = "".join(letter if letter.isprintable() else "?" for letter in shown)[:_LONGEST_LABEL]
    # libvirt hands this to QEMU's command line as it is, where a single comma would begin another option.
    shown = shown.replace(",", ",,")
    port = f"port='{machine.display_port}' autoport='no'" if machine.display_port else "autoport='yes'"
    return _XML.format(
        name=escape(machine.name),
        uuid=escape(machine.uuid),
        label=escape("".join(letter if letter.isprintable() else "?" for letter in machine.label)),
        ram=machine.ram,
        cpu=machine.cpu,
        entry=LABEL_ENTRY,
        shown=escape(shown) or escape(machine.uuid),
        cache=_CODE_CACHE,
        format=quoteattr(machine.format),
        disk=quoteattr(machine.disk),
        port=port,
    )
