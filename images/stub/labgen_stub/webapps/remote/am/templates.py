"""A template in the repository: a folder `<enterprise>/<name>/` with the disk, and what is said of it.

The platform keeps an OVF document beside each disk; here it is JSON with the platform's own names of its
fields (W13's page on the upload). Where things stand on the share is this lab's choice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from labgen_stub.messages import QEMU_FORMATS, Disk, TemplateEvent
from labgen_stub.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = ".template.json"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_LONGEST_NAME, _LONGEST_TEXT = 128, 255
_MOST_CPU, _MOST_RAM = 64, 1 << 20
# What a file of a format begins with, and where; a raw disk begins with anything.
_MAGIC = {
    "VMDK_SPARSE": (0, b"KDMV"),
    "QCOW2_SPARSE": (0, b"QFI\xfb"),
    "VDI_SPARSE": (64, b"\x7f\x10\xda\xbe"),
}


@dataclass(frozen=True, slots=True)
class Template:
    """What is said of a disk: the fields of the platform's `diskInfo`."""

    enterprise: int
    name: str
    disk: Disk
    description: str = ""
    cpu: int = 1
    ram: int = 16

    @property
    def folder(self) -> str:
        """The template's own folder."""
        return self.disk.path.rpartition("/")[0]

    def dump(self) -> bytes:
        """Write what stands beside the disk."""
        return json.dumps(self.document()).encode()

    def document(self) -> dict[str, Any]:
        """Return it in the platform's names."""
        return {
            "name": self.name,
            "description": self.description,
            "path": self.disk.path.partition("/")[2],
            "diskFileFormat": self.disk.format,
            "diskFileSize": self.disk.size,
            "requiredCpu": self.cpu,
            "requiredRamInMB": self.ram,
        }

    def event(self, datacenter: str, state: str, user: str = "", error: str = "") -> TemplateEvent:
        """Return what the API is told."""
        return TemplateEvent(
            datacenter,
            self.enterprise,
            state,
            self.name,
            self.disk,
            self.description,
            self.cpu,
            self.ram,
            error,
            user,
        )


def bad(message: str) -> ApiError:
    """400, with what is wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, "AM-INVALID", message)


def described(enterprise: int, info: Mapping[str, Any]) -> Template:
    """Read `diskInfo`. Raises `ApiError` 400."""
    name = _text(info, "name", _LONGEST_NAME)
    slug = _UNFIT.sub("-", name).strip("-.")[:64].rstrip("-.")
    if not slug:
        raise bad("diskInfo: name needs a letter or digit")
    kind = str(info.get("diskFileFormat", ""))
    if kind not in QEMU_FORMATS:
        raise bad(f"diskInfo: diskFileFormat must be one of {', '.join(QEMU_FORMATS)}")
    return Template(
        enterprise,
        name,
        Disk(f"{enterprise}/{slug}/{slug}.{QEMU_FORMATS[kind]}", kind),
        _text(info, "description", _LONGEST_TEXT),
        _number(info, ("requiredCpu", "cpu"), 1, _MOST_CPU),
        _number(info, ("requiredRamInMB", "ram"), 16, _MOST_RAM),
    )


def bare(enterprise: int, folder: str, file: str, size: int) -> Template | None:
    """Return the template that a file of its folder's name is, as far as its ending tells; else None."""
    stem, _, ending = file.rpartition(".")
    kind = next((name for name, one in QEMU_FORMATS.items() if one == ending), "")
    if stem != folder or not kind:
        return None
    return Template(enterprise, folder, Disk(f"{enterprise}/{folder}/{file}", kind, size))


def kept(enterprise: int, content: bytes) -> Template | None:
    """Read what stands beside a disk; None when it cannot be understood."""
    try:
        info = json.loads(content)
        made = described(enterprise, info)
        path = f"{enterprise}/{checked(info['path'])}"
    except (ValueError, KeyError, TypeError, AttributeError, ApiError):
        return None
    return Template(enterprise, made.name, Disk(path, made.disk.format), made.description, made.cpu, made.ram)


def check_content(kind: str, beginning: bytes) -> None:
    """Refuse a disk that is empty, or not of the format that is said of it. Raises `ApiError` 400."""
    if not beginning:
        raise bad("The disk is empty")
    at, magic = _MAGIC.get(kind, (0, b""))
    if beginning[at : at + len(magic)] != magic:
        raise bad(f"The file is no disk of format {kind}")


def checked(path: str) -> str:
    """Return `<name>/<file>` when it is a path of that shape. Raises `ApiError` 404."""
    parts = path.split("/")
    if len(parts) != 2 or not all(_PART.fullmatch(part) for part in parts):  # noqa: PLR2004
        raise ApiError(HTTPStatus.NOT_FOUND, "TEMPLATE-0", "There is no such template")
    return path


def _text(info: Mapping[str, Any], name: str, longest: int) -> str:
    value = info.get(name, "")
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise bad(f"diskInfo: {name} must be one line of at most {longest} characters")
    return value


def _number(info: Mapping[str, Any], names: tuple[str, ...], default: int, most: int) -> int:
    value = next((info[name] for name in names if name in info), default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= most:
        raise bad(f"diskInfo: {names[0]} must be a number from 1 to {most}")
    return number
