"""A catalogue of two servers on disk, to be broken in one place by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["row", "write_catalogue"]

ROLES: dict[str, Any] = {
    "web": {"title": "web server", "server": "web", "scope": "platform"},
    "database": {"title": "database", "server": "database", "scope": "datacenter"},
    "printer": {"title": "printer", "server": "printer", "scope": "platform", "template": None},
}
VARIANTS = {"tls": {"title": "encryption", "default": "off", "choices": {"off": "none", "on": "TLS"}}}
SIZE = {"title": "one of each", "datacenters": 1, "regions": 0, "counts": {"web": 1, "database": 1}}


def row(**changes: Any) -> dict[str, Any]:
    """Return a valid connection with `changes` (`to=`, and `source=` for the key `from`)."""
    fields: dict[str, Any] = {
        "id": "1",
        "from": changes.pop("source", "web"),
        "to": "database",
        "protocol": "mysql",
        "port": 3306,
        "purpose": "data",
        "provenance": "documented",
        "reference": "W1",
    }
    return fields | changes


def write_catalogue(folder: Path, **files: Any) -> Path:
    """Write a valid catalogue into `folder`; `roles`, `connections`, `variants`, `size` replace a file.

    A string is written as it is, anything else as YAML.
    """
    contents = {"roles": ROLES, "connections": [row()], "variants": VARIANTS, "size": SIZE} | files
    (folder / "sizes").mkdir()
    for name, content in contents.items():
        path = folder / ("sizes/small.yaml" if name == "size" else f"{name}.yaml")
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return folder
