"""The bytes of the tiny disk; that it boots is seen in tests/integration/test_hypervisor.py."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from labgen_aim.boot_disk import _CODE, LABEL_ENTRY, boot_disk
from labgen_aim.definition import Definition, define

_UUID = "00000000-0000-4000-8000-00000000000a"


def test_it_is_a_boot_sector_on_one_track() -> None:
    disk = boot_disk()
    assert len(disk) == 63 * 512
    assert disk[510:512] == b"\x55\xaa"
    assert not any(disk[512:])


@pytest.mark.parametrize(
    "text", [b"opt/labgen/label\0", b"\r\n\r\n  > \0", b"\r\n  labgen: console of \0"], ids=str
)
def test_the_code_finds_its_texts(text: bytes) -> None:
    disk = boot_disk()
    mov_si = b"\xbe" + (0x7C00 + disk.index(text)).to_bytes(2, "little")
    assert mov_si in _CODE, "no instruction has the text's address"


def test_the_code_compares_the_whole_name() -> None:
    assert b"\xb9" + (len(LABEL_ENTRY) + 1).to_bytes(2, "little") + b"\xf3\xa6" in _CODE


def test_the_stub_offers_it() -> None:
    from labgen_stub import boot_disk as template

    assert template.boot_disk() == boot_disk()


def test_the_stub_starts_without_thrift() -> None:
    code = "import sys, labgen_stub.boot_disk, labgen_stub.wire.aim_client; print('thrift' in sys.modules)"
    path = "images/stub:images/aim"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def definition(label: str = "web", port: int = 0) -> ET.Element:
    disk = "/var/lib/virt/x & 'y'"
    machine = Definition(f"ABQ_{_UUID}", _UUID, label, disk, "qcow2", cpu=2, ram=64, display_port=port)
    return ET.fromstring(define(machine))  # noqa: S314 - our own words


def test_a_definition_says_what_was_asked_for() -> None:
    tree = definition()
    assert tree.findtext("name") == f"ABQ_{_UUID}"
    assert (tree.findtext("memory"), tree.findtext("vcpu")) == ("64", "2")
    source, driver = tree.find("devices/disk/source"), tree.find("devices/disk/driver")
    assert source is not None
    assert driver is not None
    assert (source.get("file"), driver.get("type")) == ("/var/lib/virt/x & 'y'", "qcow2")


@pytest.mark.parametrize(("port", "attributes"), [(0, ("yes", None)), (5900, ("no", "5900"))])
def test_a_display_has_a_port_of_its_own_or_libvirts(port: int, attributes: tuple[str, str | None]) -> None:
    graphics = definition(port=port).find("devices/graphics")
    assert graphics is not None
    assert (graphics.get("autoport"), graphics.get("port")) == attributes


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("web", "web"),
        ("<b>&amp;", "<b>&amp;"),
        ("", _UUID),
        ("tür\n", "t?r?"),
        ("x" * 100, "x" * 60),
        # One comma would begin another option of QEMU's command line.
        ("a,file=/etc/passwd", "a,,file=/etc/passwd"),
    ],
)
def test_a_label_is_shown_and_never_more_than_that(label: str, shown: str) -> None:
    entry = definition(label).find("sysinfo/entry")
    assert entry is not None
    assert (entry.get("name"), entry.text) == (LABEL_ENTRY, shown)
