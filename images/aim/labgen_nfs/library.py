"""libnfs by ctypes: the few functions that a share needs. No call holds Python's interpreter lock."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_POINTER, _TEXT, _INT, _LONG = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint64
# Version 6 of libnfs (libnfs.so.16) has the arguments of reading and writing in another order.
_NAME = "libnfs.so.14"
_FUNCTIONS: dict[str, list[Any]] = {
    "nfs_set_timeout": [_INT],
    "nfs4_set_client_name": [_TEXT],
    "nfs_mount": [_TEXT, _TEXT],
    "nfs_stat64": [_TEXT, _POINTER],
    "nfs_open2": [_TEXT, _INT, _INT, _POINTER],
    "nfs_pread": [_POINTER, _LONG, _LONG, _POINTER],
    "nfs_pwrite": [_POINTER, _LONG, _LONG, _TEXT],
    "nfs_fsync": [_POINTER],
    "nfs_close": [_POINTER],
    "nfs_mkdir": [_TEXT],
    "nfs_rename": [_TEXT, _TEXT],
    "nfs_unlink": [_TEXT],
}


class Stat(ctypes.Structure):
    """What is known of a file (struct nfs_stat_64)."""

    _fields_ = [
        ("dev", _LONG),
        ("ino", _LONG),
        ("mode", _LONG),
        ("nlink", _LONG),
        ("uid", _LONG),
        ("gid", _LONG),
        ("rdev", _LONG),
        ("size", _LONG),
        ("rest", _LONG * 16),
    ]


@cache
def load() -> ctypes.CDLL:
    """Load the library. Raises OSError when it is not installed."""
    nfs = ctypes.CDLL(_NAME)
    nfs.nfs_init_context.argtypes, nfs.nfs_init_context.restype = [], _POINTER
    nfs.nfs_destroy_context.argtypes, nfs.nfs_destroy_context.restype = [_POINTER], None
    nfs.nfs_get_error.argtypes, nfs.nfs_get_error.restype = [_POINTER], _TEXT
    nfs.nfs_parse_url_dir.argtypes, nfs.nfs_parse_url_dir.restype = [_POINTER, _TEXT], _POINTER
    nfs.nfs_destroy_url.argtypes, nfs.nfs_destroy_url.restype = [_POINTER], None
    for name, arguments in _FUNCTIONS.items():
        getattr(nfs, name).argtypes = [_POINTER, *arguments]
    return nfs
