"""Definitions on their way to libvirt."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from labgen_aim.boot_disk import boot_disk
from labgen_aim.definition import Definition, define
from labgen_host.machine import PORT, for_libvirt, own_machine

_UUID = "00000000-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a,file=/etc/passwd", "a,,file=/etc/passwd"),
        ("a,,b", "a,,b"),
        ("a,,,file=/etc/passwd &lt;b&gt;,", "a,,,,file=/etc/passwd <b>,,"),
    ],
)
def test_a_label_gives_qemu_no_option(text: str, safe: str) -> None:
    xml = f"<domain><sysinfo type='fwcfg'><entry name='opt/labgen/label'>{text}</entry></sysinfo></domain>"
    careful = for_libvirt(xml)
    assert ET.fromstring(careful).findtext("sysinfo/entry") == safe  # noqa: S314
    assert for_libvirt(careful) == careful


def test_what_needs_no_care_is_handed_on_as_it_is() -> None:
    for xml in (define(Definition("x", _UUID, "web", "/d")), "<domain>", "no XML, at all", ""):
        assert for_libvirt(xml) == xml


def test_the_hosts_own_machine(tmp_path: Path) -> None:
    tree = ET.fromstring(own_machine("dc1-hypervisor-1", tmp_path))  # noqa: S314
    assert (tmp_path / "vm-1.img").read_bytes() == boot_disk()
    assert tree.findtext("sysinfo/entry") == "vm-1 of dc1-hypervisor-1"
    graphics = tree.find("devices/graphics")
    assert graphics is not None
    assert graphics.get("port") == str(PORT) == "5900"
