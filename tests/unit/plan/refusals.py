"""Asking for a refusal, and writing the file that deserves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labgen.catalogue.load import default_catalogue
from labgen.errors import InvalidInput
from labgen.plan.parse import parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["NO_SERVER", "PORTS", "SIZE_FORM", "lab", "refusal"]

PORTS = "there are: console, http, https"
NO_SERVER = "is documented, but labgen has no server for it"
SIZE_FORM = "is not a size of memory; write it like 96MiB or 1.5GiB"


def refusal(file: Path | None = None, sets: Sequence[str] = (), size: str | None = None) -> str:
    """Return the message of a refusal, which always has the exit code for invalid input."""
    with pytest.raises(InvalidInput) as caught:
        parse_spec(default_catalogue(), file, sets, size)
    assert caught.value.exit_code == 2
    return str(caught.value)


def lab(folder: Path, text: str) -> Path:
    """Return a `lab.yaml` with `text`."""
    path = folder / "lab.yaml"
    path.write_text(text)
    return path
