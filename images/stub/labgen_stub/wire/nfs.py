"""NFS version 4 from user space (libnfs), no mount and no privilege (platform.md 2.9)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import tempfile
from pathlib import Path

from labgen_stub.wire.rpc import NFS, null_call
from labgen_stub.wire.stream import resolve
from labgen_stub.wire.target import Garbled, Misuse, Target

_EXPORT = "/opt/vm_repository"
FLAG = ".abiquo_repository"
# libnfs tells a server who it is by its process number and the second. Two in different containers may have
# both alike, and the server then takes one for the other, restarted, and ends its session: a file cannot be
# opened for that reason alone. A moment later their names differ.
_ATTEMPTS = 3


async def speak(target: Target) -> str:
    """List option `export`, which must hold the flag file; with option `write`, a file's round trip too.

    Raises:
        OSError: the name does not resolve.
        Garbled: the server does not speak NFSv4, has no such export, or refuses the work.
        Misuse: the libnfs tools are not installed.
    """
    if target.transport == "udp":
        return await null_call(target, NFS)
    address = await resolve(target.host)
    where = f"[{address}]" if ":" in address else address
    base = f"nfs://{where}{target.option('export', _EXPORT)}"
    suffix = f"?version=4&nfsport={target.port}"
    listing = await _run("nfs-ls", base + suffix)
    names = [line.rsplit(maxsplit=1)[-1] for line in listing.decode().splitlines() if line]
    if FLAG not in names:
        raise Garbled(f"{base} has no {FLAG}")
    if not target.options.get("write"):
        return f"{base}: {len(names)} entries, {FLAG} is there"
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _round_trip(target, base, suffix)
        except Garbled:
            await asyncio.sleep(random.uniform(0.1, 1.2))  # noqa: S311 - nothing secret
    return await _round_trip(target, base, suffix)


async def _round_trip(target: Target, base: str, suffix: str) -> str:
    """Write a file, read it back, delete it."""
    name = f".labgen-probe-{os.urandom(6).hex()}"
    content = os.urandom(32).hex().encode()
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / name
        local.write_bytes(content)
        await _run("nfs-cp", str(local), f"{base}/{name}{suffix}")
    try:
        back = await _run("nfs-cat", f"{base}/{name}{suffix}")
    finally:
        await asyncio.to_thread(_unlink, f"{base}/{name}{suffix}", round(target.patience * 1000))
    if back != content:
        raise Garbled(f"wrote {len(content)} bytes to {base}, read back {back[:40]!r}")
    return f"{base}: a file written, read back and deleted"


async def _run(*command: str) -> bytes:
    """Run a libnfs tool to its end, or kill it when the caller gives up."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise Misuse(f"{command[0]} is not installed") from error
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        text = complaint.decode("utf-8", "replace").strip().splitlines()
        raise Garbled(f"{command[0]}: {text[-1][:160] if text else process.returncode}")
    return output


class _Url(ctypes.Structure):
    _fields_ = [("server", ctypes.c_char_p), ("path", ctypes.c_char_p), ("file", ctypes.c_char_p)]


def _unlink(url: str, timeout_ms: int) -> None:
    """Delete a file; the package's tools can do all but this, so the library is called.

    Raises:
        Garbled: the server refuses.
        Misuse: the library is not there.
    """
    nfs = _library()
    context = nfs.nfs_init_context()
    try:
        nfs.nfs_set_timeout(context, timeout_ms)
        parsed = nfs.nfs_parse_url_full(context, url.encode())
        if not parsed:
            raise Misuse(f"{url} is no NFS URL")
        try:
            place = parsed.contents
            done = nfs.nfs_mount(context, place.server, place.path) or nfs.nfs_unlink(context, place.file)
            if done:
                raise Garbled(f"delete: {nfs.nfs_get_error(context).decode('utf-8', 'replace')[:160]}")
        finally:
            nfs.nfs_destroy_url(parsed)
    finally:
        nfs.nfs_destroy_context(context)


def _library() -> ctypes.CDLL:
    for name in ("libnfs.so.14", "libnfs.so.16", "libnfs.so.13", "libnfs.so"):
        try:
            nfs = ctypes.CDLL(name)
            break
        except OSError:
            continue
    else:
        raise Misuse("libnfs is not installed")
    pointer, url = ctypes.c_void_p, ctypes.POINTER(_Url)
    nfs.nfs_init_context.restype = pointer
    nfs.nfs_set_timeout.argtypes = [pointer, ctypes.c_int]
    nfs.nfs_parse_url_full.argtypes, nfs.nfs_parse_url_full.restype = [pointer, ctypes.c_char_p], url
    nfs.nfs_mount.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p]
    nfs.nfs_unlink.argtypes = [pointer, ctypes.c_char_p]
    nfs.nfs_get_error.argtypes, nfs.nfs_get_error.restype = [pointer], ctypes.c_char_p
    nfs.nfs_destroy_url.argtypes = [url]
    nfs.nfs_destroy_context.argtypes = [pointer]
    return nfs
