"""Where labgen's own data lies: beside the package in a checkout, inside it when installed from a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["images_dir", "templates_dir"]


@cache
def _root() -> Path:
    package = Path(__file__).resolve().parent
    packed = package / "assets"
    return packed if packed.is_dir() else package.parent


def images_dir() -> Path:
    """Return the folder with one folder per image."""
    return _root() / "images"


def templates_dir() -> Path:
    """Return the folder with one folder per role."""
    return _root() / "compose-templates"
