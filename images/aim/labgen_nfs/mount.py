"""NFS version 4 by libnfs (ctypes), for one thread at a time: no mount of the kernel, no privilege.

Every context has a client name and a verifier of its own. libnfs would tell a server who it is by its process
number and the second; two in different containers may have both alike, and the server then takes one for the
other, restarted, and ends its session.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import socket
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labgen_nfs.library import Stat, StatVfs, library

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 20
_FOLDER_MODE, _FILE_MODE = 0o775, 0o664
# A folder, among the kinds of file that NFS numbers.
_NF_FOLDER = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder: its name, bytes, and seconds since 1970 of its last change."""

    name: str
    size: int
    folder: bool
    modified: int


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a share: all, and those that can still be written."""

    total: int
    free: int


class Mount:
    """One session with one export. Paths are relative to its root.

    Every method raises OSError with the server's number (FileNotFoundError, TimeoutError … are its kinds).
    """

    def __init__(self, host: str, port: int, export: str, timeout: float) -> None:
        """Connect; `timeout`, in seconds, bounds each question. Raises OSError, also NoLibrary."""
        self._nfs = library()
        address = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
        self._where = f"{host}:{export}"
        self._context = self._nfs.nfs_init_context()
        if not self._context:
            raise MemoryError("libnfs")
        try:
            self._connect(f"[{address}]" if ":" in address else address, port, export, timeout)
        except BaseException:
            self.close()
            raise

    def _connect(self, address: str, port: int, export: str, timeout: float) -> None:
        nfs, context = self._nfs, self._context
        # Whole seconds only.
        nfs.nfs_set_timeout(context, max(1, round(timeout)) * 1000)
        # A lost connection is an error at once; who asked asks again with a new session.
        nfs.nfs_set_autoreconnect(context, 0)
        # The URL is the library's only way to be told the port.
        url = nfs.nfs_parse_url_full(context, f"nfs://{address}{export}/?version=4&nfsport={port}".encode())
        if not url:
            raise OSError(errno.EINVAL, "this is no NFS export", self._where)
        nfs.nfs_destroy_url(url)
        nfs.nfs4_set_client_name(context, f"labgen {socket.gethostname()} {secrets.token_hex(8)}".encode())
        nfs.nfs4_set_verifier(context, secrets.token_hex(4).encode())
        self._check(nfs.nfs_mount(context, address.encode(), export.encode()), self._where)

    def close(self) -> None:
        """End the session."""
        if self._context:
            self._nfs.nfs_destroy_context(self._context)
            self._context = None

    def _check(self, result: int, path: str) -> int:
        if result >= 0:
            return result
        complaint = (self._nfs.nfs_get_error(self._context) or b"").decode("utf-8", "replace")
        raise OSError(-result, complaint[:160] or os.strerror(-result), path)

    def stat(self, path: str) -> Entry:
        """Describe a file or folder."""
        found = Stat()
        self._check(self._nfs.nfs_stat64(self._context, _path(path), ctypes.byref(found)), path)
        folder = stat.S_ISDIR(found.nfs_mode)
        return Entry(path.rpartition("/")[2], found.nfs_size, folder, found.nfs_mtime)

    def space(self) -> Space:
        """Tell how large the share is."""
        found = StatVfs()
        self._check(self._nfs.nfs_statvfs64(self._context, b"/", ctypes.byref(found)), self._where)
        return Space(found.blocks * found.frsize, found.bavail * found.frsize)

    def listing(self, path: str) -> list[Entry]:
        """List a folder, sorted, without `.` and `..`."""
        folder = ctypes.c_void_p()
        self._check(self._nfs.nfs_opendir(self._context, _path(path), ctypes.byref(folder)), path)
        found = []
        try:
            while entry := self._nfs.nfs_readdir(self._context, folder):
                one = entry.contents
                kind = stat.S_ISDIR(one.mode) or one.type == _NF_FOLDER
                found.append(Entry(one.name.decode("utf-8", "replace"), one.size, kind, one.mtime.sec))
        finally:
            self._nfs.nfs_closedir(self._context, folder)
        return sorted((one for one in found if one.name not in (".", "..")), key=lambda one: one.name)

    def make_folders(self, path: str) -> None:
        """Have a folder and all above it."""
        parts = [part for part in path.split("/") if part]
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            try:
                self._check(self._nfs.nfs_mkdir2(self._context, _path(above), _FOLDER_MODE), above)
            except FileExistsError:
                continue

    def rename(self, old: str, new: str) -> None:
        """Move a file within the share; one that is at the new place is replaced."""
        self._check(self._nfs.nfs_rename(self._context, _path(old), _path(new)), old)

    def unlink(self, path: str) -> None:
        """Delete a file."""
        self._check(self._nfs.nfs_unlink(self._context, _path(path)), path)

    def rmdir(self, path: str) -> None:
        """Delete an empty folder."""
        self._check(self._nfs.nfs_rmdir(self._context, _path(path)), path)

    @contextmanager
    def opened(self, path: str, *, write: bool = False) -> Iterator[Any]:
        """Open a file, with `write` made anew; give the handle for `read` and `write`."""
        handle = ctypes.c_void_p()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if write else os.O_RDONLY
        done = self._nfs.nfs_open2(self._context, _path(path), flags, _FILE_MODE, ctypes.byref(handle))
        self._check(done, path)
        try:
            yield handle
            if write:
                self._check(self._nfs.nfs_fsync(self._context, handle), path)
        finally:
            # The end of the session has closed it already: who reads piece by piece may come after that.
            closed = self._nfs.nfs_close(self._context, handle) if self._context else 0
        self._check(closed, path)

    def read(self, handle: Any, offset: int, count: int = CHUNK) -> bytes:
        """Read at most `count` bytes; nothing at the end of the file."""
        buffer = ctypes.create_string_buffer(count)
        done = self._check(self._nfs.nfs_pread(self._context, handle, offset, count, buffer), self._where)
        return buffer.raw[:done]

    def write(self, handle: Any, offset: int, content: bytes) -> None:
        """Write all of `content`."""
        done = 0
        while done < len(content):
            part = content[done : done + CHUNK]
            wrote = self._nfs.nfs_pwrite(self._context, handle, offset + done, len(part), part)
            done += self._check(wrote, self._where)


def _path(path: str) -> bytes:
    return b"/" + path.strip("/").encode()
