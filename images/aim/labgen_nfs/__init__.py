"""A datacenter's share over NFS version 4 from user space (libnfs), no mount and no privilege.

A share is spoken to by one thread; it blocks, each call at most the time that was agreed on. Errors are
Python's own by the server's error number: FileNotFoundError, FileExistsError, PermissionError, OSError.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from labgen_nfs.library import Stat, load

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPORT = "/opt/vm_repository"
_PIECE = 1 << 20


class Share:
    """An export of a server; a context manager.

    libnfs tells a server who it is by its process number and the second. Two in different containers may
    have both alike, and the server then takes one for the other, restarted, and ends its session: so each
    share here has a name of its own.
    """

    def __init__(self, host: str, port: int = 2049, export: str = EXPORT, patience: float = 10.0) -> None:
        """Prepare to speak to HOST for at most PATIENCE seconds a call. Raises OSError without libnfs."""
        self._place, self._export = (host, port), export
        self._patience = patience
        self._nfs = load()
        self._context: int | None = None

    def __enter__(self) -> Self:
        """Connect. Raises OSError: nobody there, no such export, or the name does not resolve."""
        host, port = self._place
        # libnfs takes a name for what it resolves to first, and a numeric address for what it is.
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        self._context = self._nfs.nfs_init_context()
        self._nfs.nfs_set_timeout(self._context, round(self._patience * 1000))
        self._nfs.nfs4_set_client_name(self._context, f"{socket.gethostname()}-{uuid.uuid4()}".encode())
        try:
            # Version and port are to be had by a URL alone.
            url = f"nfs://{address}{self._export}?version=4&nfsport={port}"
            self._nfs.nfs_destroy_url(self._nfs.nfs_parse_url_dir(self._context, url.encode()))
            place = (str(address).encode(), self._export.encode())
            self._ask("nfs_mount", *place, about=f"{host}:{self._export}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        context, self._context = self._context, None
        if context is not None:
            self._nfs.nfs_destroy_context(context)

    def size(self, path: str) -> int:
        """Count the bytes of a file. Raises IsADirectoryError for a folder."""
        found = Stat()
        self._ask("nfs_stat64", _wire(path), ctypes.byref(found), about=path)
        if stat.S_ISDIR(found.mode):
            raise IsADirectoryError(21, "Is a directory", path)
        return int(found.size)

    def read(self, path: str) -> Iterator[bytes]:
        """Read a file from its beginning, piece by piece."""
        handle = self._open(path, os.O_RDONLY)
        try:
            buffer, offset = ctypes.create_string_buffer(_PIECE), 0
            while got := self._ask("nfs_pread", handle, offset, _PIECE, buffer, about=path):
                yield buffer.raw[:got]
                offset += got
        finally:
            self._nfs.nfs_close(self._context, handle)

    def write(self, path: str, pieces: Iterator[bytes]) -> int:
        """Write a file, whole or not at all, in the place of what was there; return its size.

        Folders on the way are made. Who reads meanwhile has the old file.
        """
        folder, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
        self.make_folder(folder)
        passing = str(PurePosixPath(folder) / f".{name}.{uuid.uuid4().hex[:12]}.part")
        try:
            offset = self._write(passing, pieces)
            self._ask("nfs_rename", _wire(passing), _wire(path), about=path)
        except BaseException:
            self._nfs.nfs_unlink(self._context, _wire(passing))
            raise
        return offset

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; one that is there is well."""
        parts = PurePosixPath(path.strip("/")).parts
        for depth in range(1, len(parts) + 1):
            try:
                self._ask("nfs_mkdir", _wire("/".join(parts[:depth])), about=path)
            except FileExistsError:
                continue

    def delete(self, path: str) -> None:
        """Delete a file. Raises FileNotFoundError when it is gone already."""
        self._ask("nfs_unlink", _wire(path), about=path)

    def _write(self, path: str, pieces: Iterator[bytes]) -> int:
        handle, offset = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), 0
        try:
            for piece in pieces:
                view = piece
                while view:
                    put = self._ask("nfs_pwrite", handle, offset, len(view), view, about=path)
                    if not put:
                        raise OSError(5, "the server took nothing", path)
                    offset, view = offset + put, view[put:]
            self._ask("nfs_fsync", handle, about=path)
        finally:
            self._nfs.nfs_close(self._context, handle)
        return offset

    def _open(self, path: str, flags: int) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        self._ask("nfs_open2", _wire(path), flags, 0o664, ctypes.byref(handle), about=path)
        return handle

    def _ask(self, name: str, *arguments: object, about: str) -> int:
        """Call the library; a negative answer is an error number, and the library has the words."""
        if self._context is None:
            raise OSError(107, "the share is not connected", about)
        answer = int(getattr(self._nfs, name)(self._context, *arguments))
        if answer < 0:
            words = self._nfs.nfs_get_error(self._context) or b""
            raise OSError(-answer, words.decode("utf-8", "replace")[:200] or os.strerror(-answer), about)
        return answer


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
        while piece := source.read(_PIECE):
            yield piece


def _wire(path: str) -> bytes:
    return b"/" + path.lstrip("/").encode()
