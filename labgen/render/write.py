"""The one writer: puts a rendering on disk. Every file appears whole or not at all, compose.yaml last."""

from __future__ import annotations

import json
import secrets
import shutil
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labgen.errors import InvalidInput, LabgenError
from labgen.render.certificates import issue_certificates
from labgen.render.files import write_file
from labgen.render.lab import COMPOSE_FILE, SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from labgen.render.lab import Rendering

__all__ = ["Written", "write_rendering"]

_ALPHABET: Final = string.ascii_letters + string.digits  # nothing that any server's configuration must quote
_LENGTH: Final = 32
_OPEN: Final = 0o755
_MANIFEST: Final = ".rendered.json"


@dataclass(frozen=True, slots=True)
class Written:
    """What changed on disk: paths of files, and which secrets and certificates nodes have to take anew.

    One that is made for those who come with it is not among these: nobody has another one.
    """

    changed: tuple[str, ...]
    renewed: tuple[str, ...]


def write_rendering(folder: Path, rendering: Rendering, names: Sequence[str] = ()) -> Written:
    """Put `rendering` into `folder`; make the secrets and certificates that are not there yet.

    A file that is the same stays untouched; one that an earlier rendering left and this one lacks is
    removed. `names` are further names and addresses for the certificates. Raises LabgenError when the
    disk refuses, naming the file.
    """
    try:
        _claim(folder)
        before = _before(folder)
        secret = _make_secrets(folder, rendering.secrets)
        issued = issue_certificates(folder / "tls", [one.node for one in rendering.certificates], names)
        changed = [
            path
            for path, text in rendering.files.items()
            if path != COMPOSE_FILE and write_file(folder / path, text, 0o644)
        ]
        changed += _copy(folder, rendering.copies)
        _open_folders(folder, rendering)
        if write_file(folder / COMPOSE_FILE, rendering.files[COMPOSE_FILE], 0o644):
            changed.append(COMPOSE_FILE)
        _remove_stale(folder, {*rendering.files, *rendering.copies}, set(rendering.folders))
    except OSError as error:
        raise LabgenError(
            f"{error.filename or folder}: cannot be written: {error.strerror}",
            "Make room, or choose another folder (`labgen render -o`, or $LABGEN_STATE_DIR).",
        ) from error
    places = {**{one: f"secrets/{one}" for one in secret}, **{one: f"tls/{one}.key" for one in issued}}
    # The key of the authority is nobody's; its certificate is everybody's.
    held = [one for one, place in places.items() if before is None or one == "ca" or f"./{place}\n" in before]
    return Written(tuple(changed), tuple(held))


def _claim(folder: Path) -> None:
    """Make `folder` ours: a new one is for its owner alone, one with somebody else's lab is refused."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    elif (folder / COMPOSE_FILE).exists():
        with (folder / COMPOSE_FILE).open(encoding="utf-8", errors="replace") as file:
            if not file.readline().startswith(SIGNATURE):
                raise InvalidInput(
                    f"{folder / COMPOSE_FILE} is not labgen's",
                    "Choose another folder: labgen would overwrite it.",
                )


def _before(folder: Path) -> str | None:
    """Return what compose.yaml was; None when it is not there: then nobody knows who had which secret."""
    try:
        return (folder / COMPOSE_FILE).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _make_secrets(folder: Path, names: Sequence[str]) -> list[str]:
    made = []
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets").chmod(0o700)
    for name in names:
        path = folder / "secrets" / name
        if not (path.is_file() and path.stat().st_size):
            write_file(path, "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)), 0o600)
            made.append(name)
    return made


def _copy(folder: Path, copies: Mapping[str, str]) -> list[str]:
    texts = {source: (folder / source).read_text("utf-8") for source in set(copies.values())}
    return [path for path, source in copies.items() if write_file(folder / path, texts[source], 0o644)]


def _open_folders(folder: Path, rendering: Rendering) -> None:
    """Let the nodes' servers look into what is mounted: they are another user, whatever the umask says."""
    for path in rendering.folders:
        (folder / path).mkdir(parents=True, exist_ok=True)
    inside = {(folder / path).parent for path in (*rendering.files, *rendering.copies)}
    for place in sorted({*inside, *(folder / path for path in rendering.folders)}):
        if place != folder and place.stat().st_mode & 0o777 != _OPEN:
            place.chmod(_OPEN)


def _remove_stale(folder: Path, wanted: set[str], folders: set[str]) -> None:
    for place in sorted(one for one in (folder / "nodes").glob("*/*") if one.is_dir()):
        if str(place.relative_to(folder)) not in folders:
            shutil.rmtree(place)
    manifest = folder / _MANIFEST
    try:
        before = {str(path) for path in json.loads(manifest.read_text("utf-8"))}
    except (OSError, ValueError, TypeError):
        before = set()
    for path in sorted(before - wanted):
        target = folder / path
        # A manifest is a file like any other: what it names outside the folder is not ours.
        if target.resolve().is_relative_to(folder.resolve()):
            target.unlink(missing_ok=True)
            if target.parent != folder and not any(target.parent.iterdir()):
                target.parent.rmdir()
    write_file(manifest, json.dumps(sorted(wanted), indent=0) + "\n", 0o644)
