"""A datacenter's share over NFS version 4 from user space (libnfs), no mount and no privilege.

`mount` is a session, for who asks a share one question after the other; a `Share` is all that copying whole
files takes. Both block, each call at most the time that was agreed on, and are for one thread at a time.
Errors are Python's own by the server's number: FileNotFoundError, FileExistsError, PermissionError, OSError.
"""

from __future__ import annotations

import errno
import secrets
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from labgen_nfs.mount import CHUNK, Mount

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPORT = "/opt/vm_repository"
# What is being written has this in its name: no reader takes it for a template.
PARTIAL = ".labgen-part-"
_STALE = 600  # seconds since the last byte


class Share:
    """An export of a server; a context manager."""

    def __init__(self, host: str, port: int = 2049, export: str = EXPORT, patience: float = 10.0) -> None:
        """Prepare to speak to HOST for at most PATIENCE seconds a call."""
        self._place, self._patience = (host, port, export), patience
        self._open: Mount | None = None

    def __enter__(self) -> Self:
        """Connect. Raises OSError: nobody there, no such export, the name does not resolve, no libnfs."""
        self._open = Mount(*self._place, self._patience)
        return self

    def __exit__(self, *_: object) -> None:
        mount, self._open = self._open, None
        if mount is not None:
            mount.close()

    @property
    def _mount(self) -> Mount:
        if self._open is None:
            raise OSError(errno.ENOTCONN, "the share is not connected", self._place[0])
        return self._open

    def size(self, path: str) -> int:
        """Count the bytes of a file. Raises IsADirectoryError for a folder."""
        found = self._mount.stat(path)
        if found.folder:
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        return found.size

    def read(self, path: str) -> Iterator[bytes]:
        """Read a file from its beginning, piece by piece."""
        offset = 0
        with self._mount.opened(path) as handle:
            while piece := self._mount.read(handle, offset):
                yield piece
                offset += len(piece)

    def write(self, path: str, pieces: Iterator[bytes]) -> int:
        """Write a file, whole or not at all, in the place of what was there; return its size.

        Folders on the way are made. Who reads meanwhile has the old file.
        """
        mount, folder, offset = self._mount, path.rpartition("/")[0], 0
        part = begin(mount, folder)
        try:
            with mount.opened(part, write=True) as handle:
                for piece in pieces:
                    mount.write(handle, offset, piece)
                    offset += len(piece)
            mount.rename(part, path)
        except BaseException:
            with suppress(OSError):
                mount.unlink(part)
            raise
        return offset


def begin(mount: Mount, folder: str) -> str:
    """Have a folder; return the name under which a file of it is written, before it gets its own.

    What a writer that was killed has left there goes: something that is under way changes all the time.
    """
    mount.make_folders(folder)
    with suppress(OSError):
        for one in mount.listing(folder):
            if one.name.startswith(PARTIAL) and one.modified < time.time() - _STALE:
                mount.unlink(f"{folder}/{one.name}")
    return f"{folder}/{PARTIAL}{secrets.token_hex(8)}".lstrip("/")


def safe(path: str) -> str:
    """Return a path below a share's root without a leading slash.

    Raises ValueError when it leads elsewhere, or is none.
    """
    parts = PurePosixPath(path.lstrip("/")).parts
    if not parts or ".." in parts or any(not letter.isprintable() for letter in path):
        raise ValueError(f"{path!r} is no path of a file below the share's root")
    return "/".join(parts)


def pieces(file: Path) -> Iterator[bytes]:
    """Read a local file piece by piece."""
    with file.open("rb") as source:
        while piece := source.read(CHUNK):
            yield piece
