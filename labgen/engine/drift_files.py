"""Files of a lab's folder that are not as a fresh rendering has them."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from labgen.engine.drift_model import Drift, DriftKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labgen.render.lab import Rendering

__all__ = ["file_drifts"]

_SHOWN: Final = 60  # characters of a line
_NO_LINE: Final = "no such line"


def file_drifts(folder: Path, rendering: Rendering) -> Iterator[Drift]:
    """Yield every rendered file that is missing or edited, and every secret or key that is gone."""
    for path, text in rendering.files.items():
        try:
            there = (folder / path).read_bytes()
        except OSError as error:
            yield Drift(DriftKind.FILE, path, "as rendered", _reason(error), _repair(path, rendering))
            continue
        if there != text.encode():
            number, wanted, found = _first_difference(text, there.decode("utf-8", "replace"))
            repair = _repair(path, rendering)
            yield Drift(DriftKind.FILE, path, f"line {number}: {_cut(wanted)}", _cut(found), repair)
    for path, source in rendering.copies.items():
        if not _same(folder / path, folder / source):
            repair = _repair(path, rendering)
            yield Drift(DriftKind.FILE, path, f"as {source} is", "missing or another", repair)
    owners = ["ca", *(one.node for one in rendering.certificates)]
    made = [f"secrets/{name}" for name in rendering.secrets]
    made += [f"tls/{one}.{end}" for one in owners for end in ("crt", "key")]
    for path in made:
        if not (folder / path).is_file():
            yield Drift(
                DriftKind.FILE, path, "there", "missing", "`labgen up` makes a new one; all nodes start anew"
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        # What is copied is missed by itself, below.
        return not other.is_file()


def _repair(path: str, rendering: Rendering) -> str:
    """Say what mends a file. Some a running node loads again; the others it has until it restarts."""
    written = "`labgen up` writes it anew"
    folder, *below = path.split("/")
    if folder != "nodes":
        return written
    loads = rendering.reloads.get(below[0])
    if loads and path in loads.files:
        return f"{written}, and lets {below[0]} load it"
    return f"{written}; the node reads it after `labgen restart {below[0]}`"


def _reason(error: OSError) -> str:
    return "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"


def _first_difference(rendered: str, there: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, and how it is in both."""
    lines = zip_longest(rendered.splitlines(), there.splitlines())
    for number, (wanted, found) in enumerate(lines, 1):
        if wanted != found:
            return number, _NO_LINE if wanted is None else wanted, _NO_LINE if found is None else found
    return len(rendered.splitlines()), "its end", "other line ends, or bytes that are no text"


def _cut(line: str) -> str:
    text = line.strip()
    return f"{text[:_SHOWN]}..." if len(text) > _SHOWN else text or "an empty line"
