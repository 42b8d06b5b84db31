"""NFS version 4 by libnfs (ctypes), for one thread at a time: no mount of the kernel, no privilege.

Every context has a client name and a verifier of its own. libnfs would tell a server who it is by its process
number and the second; two in different containers may have both alike, and the server then takes one for the
other, restarted, and ends its session.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from labgen_stub.wire.target import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 20
_FOLDER_MODE, _FILE_MODE = 0o775, 0o664
_S_IFMT, _S_IFDIR = 0o170000, 0o040000
# Order and number of arguments of read and write changed with 16: those libraries are not for us.
_NAMES = ("libnfs.so.14", "libnfs.so.13")


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


class _Stat(ctypes.Structure):
    _fields_ = [
        (f"nfs_{name}", ctypes.c_uint64)
        for name in (
            *("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blksize", "blocks"),
            *("atime", "mtime", "ctime", "atime_nsec", "mtime_nsec", "ctime_nsec", "used"),
        )
    ]


class _StatVfs(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            *("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "fsid", "flag"),
            "namemax",
        )
    ]


class _Timeval(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("usec", ctypes.c_long)]


class _Dirent(ctypes.Structure):
    """The beginning of `struct nfsdirent`: what follows is of no interest."""


_Dirent._fields_ = [
    ("next", ctypes.POINTER(_Dirent)),
    ("name", ctypes.c_char_p),
    ("inode", ctypes.c_uint64),
    ("type", ctypes.c_uint32),
    ("mode", ctypes.c_uint32),
    ("size", ctypes.c_uint64),
    ("atime", _Timeval),
    ("mtime", _Timeval),
]


@cache
def library() -> ctypes.CDLL:
    """Load libnfs. Raises `Misuse` where it is not installed."""
    for name in _NAMES:
        try:
            nfs = ctypes.CDLL(name)
        except OSError:
            continue
        break
    else:
        raise Misuse("libnfs is not installed")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64
    into = ctypes.POINTER(pointer)
    for function, arguments in {
        "nfs_init_context": [],
        "nfs_destroy_context": [pointer],
        "nfs_set_timeout": [pointer, ctypes.c_int],
        "nfs_set_autoreconnect": [pointer, ctypes.c_int],
        "nfs_parse_url_full": [pointer, text],
        "nfs_destroy_url": [pointer],
        "nfs4_set_client_name": [pointer, text],
        "nfs4_set_verifier": [pointer, text],
        "nfs_mount": [pointer, text, text],
        "nfs_get_error": [pointer],
        "nfs_stat64": [pointer, text, ctypes.POINTER(_Stat)],
        "nfs_statvfs64": [pointer, text, ctypes.POINTER(_StatVfs)],
        "nfs_open2": [pointer, text, ctypes.c_int, ctypes.c_int, into],
        "nfs_close": [pointer, pointer],
        "nfs_pread": [pointer, pointer, number, number, pointer],
        "nfs_pwrite": [pointer, pointer, number, number, text],
        "nfs_fsync": [pointer, pointer],
        "nfs_mkdir2": [pointer, text, ctypes.c_int],
        "nfs_rmdir": [pointer, text],
        "nfs_unlink": [pointer, text],
        "nfs_rename": [pointer, text, text],
        "nfs_opendir": [pointer, text, into],
        "nfs_readdir": [pointer, pointer],
        "nfs_closedir": [pointer, pointer],
    }.items():
        getattr(nfs, function).argtypes = arguments
    nfs.nfs_init_context.restype = nfs.nfs_parse_url_full.restype = pointer
    nfs.nfs_get_error.restype = text
    nfs.nfs_readdir.restype = ctypes.POINTER(_Dirent)
    return nfs


class Mount:
    """One session with one export. Paths are relative to its root.

    Every method raises OSError with the server's number (FileNotFoundError, TimeoutError … are its kinds).
    """

    def __init__(self, host: str, port: int, export: str, timeout: float) -> None:
        """Connect; `timeout`, in seconds, bounds each question. Raises OSError, `Misuse`."""
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
            raise Misuse(f"{self._where} is no NFS export")
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
        found = _Stat()
        self._check(self._nfs.nfs_stat64(self._context, _path(path), ctypes.byref(found)), path)
        folder = found.nfs_mode & _S_IFMT == _S_IFDIR
        return Entry(path.rpartition("/")[2], found.nfs_size, folder, found.nfs_mtime)

    def space(self) -> Space:
        """Tell how large the share is."""
        found = _StatVfs()
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
                kind = one.mode & _S_IFMT == _S_IFDIR or one.type == _NF_FOLDER
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
            closed = self._nfs.nfs_close(self._context, handle)
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


_NF_FOLDER = 2


def _path(path: str) -> bytes:
    return b"/" + path.strip("/").encode()
