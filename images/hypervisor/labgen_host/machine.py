"""The host's virtual machine: a console that shows where one is and echoes what one types."""

from pathlib import Path

_SECTOR = 512
_TRACK = 63 * _SECTOR

# A boot sector in 16-bit code: print the text at the end, then echo keys. The BIOS sleeps while it
# waits for a key, so an idle machine takes no processor time.
_CODE = bytes.fromhex(
    "fc"  # cld
    "31c0"  # xor ax, ax
    "8ed8"  # mov ds, ax
    "bb0700"  # mov bx, 7            page 0, grey
    "be207c"  # mov si, text
    "ac"  # next: lodsb
    "84c0"  # test al, al
    "7406"  # jz echo
    "b40e"  # mov ah, 0eh          print a character
    "cd10"  # int 10h
    "ebf5"  # jmp next
    "b400"  # echo: mov ah, 0      wait for a key
    "cd16"  # int 16h
    "b40e"  # mov ah, 0eh
    "cd10"  # int 10h
    "ebf6"  # jmp echo
)

_XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><tcg><tb-cache unit='MiB'>8</tb-cache></tcg></features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <controller type='usb' model='none'/>
    <graphics type='vnc' port='5900' autoport='no'><listen type='address' address='0.0.0.0'/></graphics>
    <video><model type='vga' vram='1024'/></video>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def boot_disk(message: str) -> bytes:
    """Make a bootable disk that prints MESSAGE (ASCII, at most 400 characters) and echoes keys.

    Raises ValueError when the message does not fit into the boot sector.
    """
    sector = _CODE + message.encode("ascii") + b"\0"
    if len(sector) > _SECTOR - 2:
        raise ValueError(f"a message of {len(message)} characters does not fit into a boot sector")
    return (sector.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa").ljust(_TRACK, b"\0")


def description(name: str, uuid: str, disk: Path) -> str:
    """Write libvirt's description of the machine, whose VNC server is the host's port 5900 (row 33)."""
    return _XML.format(name=name, uuid=uuid, disk=disk)
