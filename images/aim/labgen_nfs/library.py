"""libnfs by ctypes: what a share needs of it. No call holds Python's interpreter lock."""

from __future__ import annotations

import ctypes
from functools import cache

# Order and number of arguments of read and write changed with 16: those libraries are not for us.
_NAMES = ("libnfs.so.14", "libnfs.so.13")


class NoLibrary(OSError):
    """libnfs is not installed."""


class Stat(ctypes.Structure):
    """What is known of a file (struct nfs_stat_64)."""

    _fields_ = [
        (f"nfs_{name}", ctypes.c_uint64)
        for name in (
            *("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blksize", "blocks"),
            *("atime", "mtime", "ctime", "atime_nsec", "mtime_nsec", "ctime_nsec", "used"),
        )
    ]


class StatVfs(ctypes.Structure):
    """What is known of a whole share (struct statvfs64, as libnfs has it)."""

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
    """Load libnfs. Raises NoLibrary."""
    for name in _NAMES:
        try:
            nfs = ctypes.CDLL(name)
        except OSError:
            continue
        break
    else:
        raise NoLibrary("libnfs is not installed")
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
        "nfs_stat64": [pointer, text, ctypes.POINTER(Stat)],
        "nfs_statvfs64": [pointer, text, ctypes.POINTER(StatVfs)],
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
